/*
 * The two jobs on a view: fastbg alone, and fastbg with its page in a browser.
 */

function removeBackground( view, choices, program )
{
   begin( view );
   withFolder( folder =>
   {
      let before = stateOf( view ), progress = new Progress;
      let corrected = folder + "/corrected.xisf", background = folder + "/background.xisf";
      let outputs = [ "-o", corrected, ...( choices.model ? [ "--model-output", background ] : [ "--no-model" ] ) ];
      let ended = runProgram( program, [ "run", ...inputs( view, choices, folder ), ...outputs, "--events" ],
         line => progress.take( line ) );
      if ( ended.exitCode != 0 || !File.exists( corrected ) )
         throw failureOf( ended, progress.error, folder );
      refuseChanged( view, before );
      replacePixels( view, corrected );
      if ( choices.model )
         showBackground( view, background );
      progress.conclude();
   } );
}

/* The page is open until the result is sent back from it, or until it is closed. */
function correctLive( view, choices, program )
{
   begin( view );
   withFolder( folder =>
   {
      let before = stateOf( view ), address = "";
      let corrected = folder + "/corrected.xisf";
      let ended = runProgram( program, [ "live", ...inputs( view, choices, folder ), "--result", corrected, "--no-browser" ],
         line => address = addressIn( line ) || address,
         () =>
         {
            if ( address )
               openPage( address );
            address = "";
            return File.exists( corrected );
         } );
      if ( !File.exists( corrected ) ) // it is there where fastbg had to be stopped, too
         throw failureOf( ended, "", folder );
      refuseChanged( view, before );
      replacePixels( view, corrected );
      say( "the image is the one that the page sent back" );
   } );
}

function begin( view )
{
   if ( !view || view.isNull )
      throw new Error( "No image is chosen: open one, and choose it." );
   if ( !view.isMainView )
      throw new Error( "fastbg works on whole images: use it on the image, not on a preview." );
   console.show();
}

/* Save what fastbg reads, and give the arguments that name it. */
function inputs( view, choices, folder )
{
   let image = folder + "/" + view.id + ".xisf";
   saveCopy( view.window, image );
   let given = [ image ];
   if ( choices.mask )
   {
      saveMask( view.window, folder + "/mask.xisf" );
      given.push( "-m", folder + "/mask.xisf" );
   }
   if ( choices.previews )
   {
      savePreviews( view.window, folder + "/previews.geojson" );
      given.push( "-m", folder + "/previews.geojson" );
   }
   return [ ...given, ...choices.options() ];
}

/* The error of a program that ended without a result: what it told, or what can be said of it. */
function failureOf( ended, error, folder )
{
   let told = error || ended.complaint.split( "\n" ).pop().replace( /^fastbg: /, "" );
   for ( let begin of [ folder + "/", folder.replaceAll( "/", "\\" ) + "\\" ] ) // the latter on Windows
      told = told.replaceAll( begin, "" );
   return new Error( told || "fastbg could not be started, or ended without a result (exit code "
      + ended.exitCode + "): choose the program again." );
}

/* While fastbg works, PixInsight can be used, and so can the image. */
function stateOf( view )
{
   if ( view.isNull )
      return "closed";
   let image = view.image;
   return [ image.width, image.height, image.numberOfChannels, view.historyIndex ].join();
}

function refuseChanged( view, before )
{
   if ( stateOf( view ) != before )
      throw new Error( "The image was changed or closed while fastbg worked on it: nothing was done to it." );
}

function addressIn( line )
{
   let begin = line.indexOf( "http:" );
   return begin < 0 ? "" : line.substring( begin ).split( " " )[ 0 ];
}

function openPage( address )
{
   say( "the page is at " + address + " on this computer; send the result back from it, or close it" );
   handleEvents();
   Dialog.openBrowser( address );
}
