/*
 * A folder for the files of one job, which is gone after it, however it ends.
 */

/* Call work( path ) with the path of a new folder. */
function withFolder( work )
{
   let name = "fastbg-" + Date.now() + "-" + Math.floor( 1e9 * Math.random() );
   let folder = File.systemTempDirectory + "/" + name;
   File.createDirectory( folder, true );
   try
   {
      return work( folder );
   }
   finally
   {
      removeFolder( folder );
   }
}

/* A file that cannot be removed spoils no result: it is told, and stays. */
function removeFolder( folder )
{
   try
   {
      namesIn( folder ).forEach( name => File.remove( folder + "/" + name ) );
      File.removeDirectory( folder );
   }
   catch ( error )
   {
      console.warningln( plain( TITLE + ": temporary files stay in " + folder + ": " + error.message ) );
   }
}

/* All files, hidden ones too, which a killed process may have left. */
function namesIn( folder )
{
   let names = [], found = new FileFind;
   if ( found.begin( folder + "/*" ) )
   {
      do
         names.push( found.name );
      while ( found.next() );
      found.end();
   }
   return names.filter( name => name != "." && name != ".." );
}
