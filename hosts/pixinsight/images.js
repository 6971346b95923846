/*
 * Images on their way to fastbg and back. The windows of the user are never saved, which would give
 * them other names: what is saved is a copy.
 */

/* Save a copy of the pixels and keywords of a window. */
function saveCopy( window, path, inverted = false )
{
   let image = window.mainView.image;
   let size = [ image.width, image.height, image.numberOfChannels, window.bitsPerSample ].map( Number );
   let copy = new ImageWindow( ...size, window.isFloatSample, image.isColor, "fastbg_copy" );
   try
   {
      copy.mainView.beginProcess( UndoFlag.NoSwapFile );
      copy.mainView.image.assign( image );
      if ( inverted )
         copy.mainView.image.invert();
      copy.mainView.endProcess();
      copy.keywords = window.keywords;
      // Neither options nor messages, and no question about an existing file.
      if ( !copy.saveAs( path, false, false, false, false ) )
         throw new Error( "A copy of the image cannot be written to " + path + ": is there room on the disk?" );
   }
   finally
   {
      copy.forceClose();
   }
}

/* Call use( window ) with the image of a file. What was opened is closed then, except the window
 * that it returns. */
function withImage( path, use )
{
   let windows = ImageWindow.open( path, "", "", true ), kept; // as a copy: without the path of the file
   try
   {
      if ( windows.length == 0 )
         throw new Error( "PixInsight cannot open " + path + "." );
      kept = use( windows[ 0 ] );
   }
   finally
   {
      windows.filter( window => window !== kept ).forEach( window => window.forceClose() );
   }
}

/* Give a view the pixels of a file, in its own sample format, in one step of its history. */
function replacePixels( view, path )
{
   withImage( path, result =>
   {
      let target = view.window;
      if ( result.bitsPerSample != target.bitsPerSample || result.isFloatSample != target.isFloatSample )
         result.setSampleFormat( target.bitsPerSample, target.isFloatSample );
      view.beginProcess();
      try
      {
         view.image.assign( result.mainView.image );
      }
      finally
      {
         view.endProcess();
      }
   } );
}

/* Show the background of a view in a window of its own, stretched on the screen as the view is. */
function showBackground( view, path )
{
   withImage( path, background =>
   {
      background.mainView.id = view.id + "_background";
      background.keywords = view.window.keywords;
      if ( view.window.hasAstrometricSolution )
         background.copyAstrometricSolution( view.window );
      background.mainView.stf = view.stf;
      background.show();
      return background;
   } );
}

/* Save the mask of a window so that white is sky: where PixInsight would process the image. */
function saveMask( window, path )
{
   let mask = window.mask;
   if ( !mask || mask.isNull )
      throw new Error( window.mainView.id + " has no mask: give it one with Mask > Select Mask, or "
         + "do not use it." );
   saveCopy( mask, path, window.maskInverted );
}

/* Save the previews of a window as polygons in pixels, which surround what is not sky. */
function savePreviews( window, path )
{
   if ( window.previews.length == 0 )
      throw new Error( window.mainView.id + " has no previews: draw some around what is not sky, or "
         + "do not use them." );
   let polygons = window.previews.map( preview =>
   {
      let { x0, y0, x1, y1 } = window.previewRect( preview );
      return [ [ [ x0, y0 ], [ x1, y0 ], [ x1, y1 ], [ x0, y1 ], [ x0, y0 ] ] ];
   } );
   File.writeTextFile( path, JSON.stringify( { type: "MultiPolygon", coordinates: polygons } ) );
}
