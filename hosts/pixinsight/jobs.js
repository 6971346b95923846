/*
 * The two jobs on a view: fastbg alone, and fastbg with its page in a browser.
 */

/* Files beside that of the image, which has its identifier for a name: in that is no hyphen. */
var CORRECTED = "/fastbg-corrected.xisf";
var BACKGROUND = "/fastbg-background.xisf";
var MASK = "/fastbg-mask.xisf";
var PREVIEWS = "/fastbg-previews.geojson";

function removeBackground( view, choices, program )
{
   begin( view );
   withFolder( folder =>
   {
      let before = stateOf( view ), progress = new Progress;
      let corrected = folder + CORRECTED, background = folder + BACKGROUND;
      let model = choices.model ? [ "--model-output", background ] : [ "--no-model" ];
      let job = [ "run", ...inputs( view, choices, folder ), "-o", corrected, ...model, "--events" ];
      let ended = runProgram( program, job, line => progress.take( line ) );
      if ( ended.exitCode != 0 || !File.exists( corrected ) )
         throw failureOf( ended, progress.error, folder );
      refuseChanged( view, before );
      if ( choices.model )
         showBackground( view, background );
      replacePixels( view, corrected );
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
      let corrected = folder + CORRECTED;
      let [ image, ...options ] = inputs( view, choices, folder );
      let job = [ "live", image, folderOf( view.window ), ...options, "--result", corrected, "--no-browser" ];
      let ended = runProgram( program, job,
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
      saveMask( view.window, folder + MASK );
      given.push( "-m", folder + MASK );
   }
   if ( choices.previews )
   {
      savePreviews( view.window, folder + PREVIEWS );
      given.push( "-m", folder + PREVIEWS );
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

/* Where the page saves what the user saves there: beside the file of the image, if it has one. */
function folderOf( window )
{
   let path = window.filePath;
   return path ? File.extractDrive( path ) + File.extractDirectory( path ) : File.homeDirectory;
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
