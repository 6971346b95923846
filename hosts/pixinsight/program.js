/*
 * The program fastbg: where it is, whether it can be used, and running it.
 */

var NEEDED = "0.1.0"; // the oldest fastbg that has all that this script asks for

var PATH_KEY = "fastbg/program"; // in the settings of PixInsight: a path that was checked,
var CHECKED_KEY = "fastbg/checkedFor"; // and the NEEDED of the script that checked it

var PATIENCE = 3000; // milliseconds in which a program that is asked to end may tidy up
var LONGEST_CHECK = 60000; // milliseconds; asking a graphics driver may take a third of that

/* Programs with a window do not have the search path of a terminal: these are the places into which
 * pipx, uv, Homebrew and administrators install. */
function usualPlaces()
{
   let own = File.homeDirectory + "/.local/bin/fastbg";
   return [ own, own + ".exe", "/usr/local/bin/fastbg", "/opt/homebrew/bin/fastbg" ];
}

/* The path of fastbg as far as it is known: the one that was chosen, or else the first usual place
 * that has it. If nothing is there, the one that was chosen, or "". */
function knownProgram()
{
   let chosen = Settings.read( PATH_KEY, DataType.UCString ) || ""; // null before the first choice
   return [ chosen, ...usualPlaces() ].find( path => File.exists( path ) ) || chosen;
}

/* The path of a fastbg that can be used, without a dialog: it is checked unless it was before. */
function usableProgram()
{
   let path = knownProgram();
   if ( !path )
      throw new Error( "It is not known yet where the program fastbg is: start the script fastbg "
         + "from the menu once, and choose it there." );
   if ( path != Settings.read( PATH_KEY, DataType.UCString )
      || NEEDED != Settings.read( CHECKED_KEY, DataType.UCString ) )
      chooseProgram( path );
   return path;
}

/* Keep a path if it is that of a fastbg that can be used; returns its version. */
function chooseProgram( path )
{
   let version = versionOf( path );
   if ( isOlder( version, NEEDED ) )
      throw new Error( path + " is fastbg " + version + ", and this script needs " + NEEDED
         + " or newer: update fastbg, or choose another one." );
   Settings.write( PATH_KEY, DataType.UCString, path );
   Settings.write( CHECKED_KEY, DataType.UCString, NEEDED );
   return version;
}

function versionOf( path )
{
   let lines = [], latest = Date.now() + LONGEST_CHECK;
   runProgram( path, [ "doctor", "--json" ], line => lines.push( line ), () => Date.now() > latest );
   try
   {
      let version = JSON.parse( lines.join( "\n" ) ).fastbg;
      if ( typeof version == "string" )
         return version;
   }
   catch ( error )
   {
      // Not JSON: told below.
   }
   throw new Error( path + " does not answer as fastbg does: choose the program fastbg, "
      + "which is fastbg.exe on Windows." );
}

function isOlder( version, needed )
{
   let one = version.split( "." ).map( parseFloat ), other = needed.split( "." ).map( parseFloat );
   let first = other.findIndex( ( part, i ) => part != ( one[ i ] || 0 ) );
   return first >= 0 && ( one[ first ] || 0 ) < other[ first ];
}

/*
 * Run the program until it ends, is stopped in the console, or isDone() says that it may end.
 *
 * Returns its exit code and what it wrote on stderr. Each line on stdout goes to onLine( line ).
 * There is no handler for errors: PixInsight may call it although the program runs. Whether the
 * program did its work, its exit code and its files tell. The program is a child, not detached: so
 * it ends with the script, and its complaints and its exit code can be read.
 */
function runProgram( path, options, onLine, isDone = () => false )
{
   if ( !File.exists( path ) )
      throw new Error( "There is no file " + path + ": choose where the program fastbg is." );
   let program = new ExternalProcess, rest = "", complaint = "", stopped = 0;
   let read = () =>
   {
      let lines = ( rest + textOf( program.stdout ) ).split( "\n" );
      rest = lines.pop();
      lines.forEach( line => onLine( line.trim() ) );
   };
   let readComplaint = () => complaint += textOf( program.stderr );
   program.onStandardOutputDataAvailable = read;
   program.onStandardErrorDataAvailable = readComplaint;
   if ( console.resetStatus ) // forgets an earlier Abort; not known of every version
      console.resetStatus();
   console.abortEnabled = true;
   program.start( path, options ); // an array, so that blanks in paths do no harm
   while ( program.isStarting || program.isRunning )
   {
      handleEvents();
      program.waitForFinished( 20 );
      if ( !stopped && ( console.abortRequested || isDone() ) )
      {
         program.terminate();
         stopped = Date.now();
      }
      if ( stopped && Date.now() - stopped > PATIENCE )
         program.kill();
   }
   read();
   readComplaint();
   if ( console.abortRequested )
      throw new Error( "Stopped. The image is as it was." );
   return { exitCode: program.exitCode, complaint: complaint.trim() };
}

/* PixInsight is frozen meanwhile otherwise, and nobody could press Abort. Of version 1.9.4 there are
 * builds that have only the older of the two functions. */
function handleEvents()
{
   if ( CoreApplication.processEvents )
      CoreApplication.processEvents();
   else
      processEvents();
}

/* Text of a ByteArray, whose toString() takes each byte for a character. */
function textOf( bytes )
{
   return bytes.utf8ToString();
}
