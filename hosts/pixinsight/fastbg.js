#engine v8

#feature-id    fastbg : fastbg > fastbg

#feature-icon  @script_icons_dir/fastbg.svg

#feature-info  Removes the background gradient of a linear image with fastbg, \
               in one step that can be undone. Keywords, properties and the \
               astrometric solution stay as they are.

/*
 * fastbg for PixInsight 1.9.4 and newer. SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The program fastbg does the work; this script gives it a copy of the image and takes the result
 * back. At the top level of all files there are only functions and var, which may be declared
 * again where PixInsight runs the script twice in one context.
 */

"use strict";

CoreApplication.ensureMinimumVersion( 1, 9, 4 );

var TITLE = "fastbg";

#include "choices.js"
#include "files.js"
#include "program.js"
#include "images.js"
#include "progress.js"
#include "jobs.js"
#include "dialog.js"

/* Ask until a job is done or given up: after an error the dialog is there again, as it was. */
function ask( choices )
{
   let dialog = new FastbgDialog( choices );
   for ( ;; )
   {
      let answer = dialog.execute();
      if ( answer != StdDialogCode.Ok && answer != FastbgDialog.Live )
         return;
      try
      {
         choices.store(); // for the history of the image
         if ( answer == FastbgDialog.Live )
            correctLive( dialog.view, choices, dialog.program );
         else
            removeBackground( dialog.view, choices, dialog.program );
         return;
      }
      catch ( error )
      {
         tell( error.message );
      }
   }
}

/* Errors are in a box here, and go to PixInsight where an instance runs on an image: a container
 * must stop at them, and nobody may be there to press a button. */
function tell( message )
{
   console.criticalln( "<end><cbr>" + TITLE + ": " + plain( message ) );
   new MessageBox( plain( message ), TITLE, StdIcon.Error, StdButton.Ok ).execute();
}

function main()
{
   if ( Parameters.isViewTarget )
      removeBackground( Parameters.targetView, Choices.stored(), usableProgram() );
   else
      ask( Parameters.isGlobalTarget ? Choices.stored() : new Choices );
}

main();
