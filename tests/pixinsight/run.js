/*
 * Run the script for PixInsight in stubs of PixInsight's objects: `node run.js SCENARIO.json`
 *
 * Its preprocessor's directives are obeyed as far as the script uses them. stdout gets what happened
 * as JSON; the pixels of each window that is open at the end are written to FOLDER/<id>.xisf.
 */
"use strict";

const fs = require( "node:fs" );
const path = require( "node:path" );
const vm = require( "node:vm" );
const xisf = require( "./xisf.js" );
const { makeImages } = require( "./images.js" );
const { makeProcesses } = require( "./processes.js" );
const { closed, makeControls } = require( "./controls.js" );
const { spawn } = require( "node:child_process" );

const scenario = {
   images: [], // { file, id, keywords, mask, maskInverted, previews: { id: [ x0, y0, x1, y1 ] }, properties }
   settings: {}, parameters: {}, target: null, // "global", or the id of a view or of a preview
   turns: [], // what the user does each time the dialog is shown: a function body of (user, dialog)
   events: "", // a function body of (stub, count), called where events are handled
   browser: [], // a command that gets the address as its last argument
   chosenFile: "", home: "/nowhere", temporary: "/tmp", version: [ 1, 9, 4 ],
   olderEvents: false, spuriousErrors: false, deaf: false, diskFull: false,
   ...JSON.parse( fs.readFileSync( process.argv[ 2 ], "utf8" ) )
};

const WAYS = [ "write", "writeln", "noteln", "warningln", "criticalln" ]; // to write in the console

const record = {
   ...scenario, started: [], signals: [], console: [], boxes: [], instances: [], addresses: [],
   dialogs: 0, thrown: null, shown: false,
   opened( address )
   {
      record.addresses.push( address );
      if ( scenario.browser.length )
      {
         const [ command, ...options ] = scenario.browser;
         spawn( command, [ ...options, address ], { stdio: "inherit", detached: true } );
      }
   }
};

/* The script with its includes, without directives; the same number of lines in each file. */
function preprocessed( file, isMain = true )
{
   const text = fs.readFileSync( file, "utf8" );
   if ( isMain && !/^#engine v8$/m.test( text.split( "\n" ).slice( 0, 3 ).join( "\n" ) ) )
      throw new Error( "#engine v8 is not in the first lines" );
   return text.replace( /^#(\w+)\s+((?:.*\\\n)*.*)$/gm, ( line, directive, rest ) =>
   {
      if ( directive == "include" )
         return preprocessed( path.join( path.dirname( file ), JSON.parse( rest ) ), false );
      if ( directive != "engine" && !directive.startsWith( "feature" ) )
         throw new Error( `#${directive} is not known here` );
      return "";
   } ).replace( /^#feature-\w+\s+(?:.*\\\n)*.*$/gm, "" );
}

function makeFiles()
{
   class File
   {
      static get systemTempDirectory() { return scenario.temporary; }
      static get homeDirectory() { return scenario.home; }
      static extractDrive() { return ""; }
      static extractDirectory( file ) { return path.dirname( file ); }
      static exists( file ) { return fs.existsSync( file ) && fs.statSync( file ).isFile(); }
      static remove( file ) { fs.unlinkSync( file ); }
      static createDirectory( folder ) { fs.mkdirSync( folder, { recursive: true } ); }
      static removeDirectory( folder ) { fs.rmdirSync( folder ); }
      static writeTextFile( file, text ) { fs.writeFileSync( file, text ); }
   }

   class FileFind
   {
      begin( pattern )
      {
         this.names = [ ".", "..", ...fs.readdirSync( path.dirname( pattern ) ) ];
         return this.next();
      }

      next()
      {
         this.name = this.names.shift();
         return this.name !== undefined;
      }

      end() {}
   }

   return { File, FileFind };
}

/* What a user can do in the dialog: by the texts that can be read there. */
const userOf = dialog => ( {
   find( kind, text )
   {
      const textOf = control => kind == "ToolButton" ? control.toolTip : control.text;
      const found = dialog.children.find( each => each.kind == kind && textOf( each ).includes( text ) );
      if ( !found )
         throw new Error( `there is no ${kind} "${text}"` );
      return found;
   },
   beside( kind, text ) // the control in the row of a label
   {
      const at = dialog.children.indexOf( this.find( "Label", text ) );
      return dialog.children.slice( 0, at ).reverse().find( each => each.kind == kind );
   },
   press( text )
   {
      const button = this.find( "PushButton", text );
      if ( !button.enabled )
         throw new Error( `${text} is disabled` );
      button.onClick();
   },
   check( text )
   {
      const box = this.find( "CheckBox", text );
      box.onCheck( box.checked = !box.checked );
   },
   choose( label, text )
   {
      const box = this.beside( "ComboBox", label ), index = box.items.indexOf( text );
      if ( index < 0 )
         throw new Error( `${label} has no ${text}, but ${box.items}` );
      box.onItemSelected( box.currentItem = index );
   },
   slide( label, value )
   {
      const control = dialog.children.find(
         each => each.kind == "NumericControl" && each.label.text.startsWith( label ) );
      if ( !control.enabled )
         throw new Error( `${label} is disabled` );
      control.setValue( value );
      control.onValueUpdated( control.value );
   },
   type( text )
   {
      const edit = dialog.children.find( each => each.kind == "Edit" );
      edit.text = text;
      edit.onEditCompleted();
   },
   browse() { this.find( "ToolButton", "Choose the program" ).onClick(); },
   dragNewInstance() { this.find( "ToolButton", "New instance" ).onMousePress(); },
   select( view )
   {
      const list = dialog.children.find( each => each.kind == "ViewList" );
      list.onViewSelected( list.currentView = view );
   },
   texts() { return dialog.children.filter( each => each.kind == "Label" ).map( each => each.text ); }
} );

function main()
{
   const { ImageWindow, View, UndoFlag, windows } = makeImages( record );
   const { ExternalProcess, handleAll, running } = makeProcesses( record );

   for ( const given of scenario.images )
   {
      const window = new ImageWindow( 1, 1, 1, 32, true, false, given.id );
      const { keywords = [], solution = null } = given;
      Object.assign( window, { ofUser: true, visible: true, filePath: given.file, keywords, solution } );
      window.mainView.image.content = xisf.read( given.file );
      window.mainView.properties = given.properties ?? {};
      window.mainView.stf = given.stf ?? [];
      window.previews = Object.entries( given.previews ?? {} ).map( ( [ id, [ x0, y0, x1, y1 ] ] ) =>
      {
         const preview = { id, isMainView: false, isPreview: true, isNull: false, window };
         window.rectangles.set( preview, { x0, y0, x1, y1 } );
         return preview;
      } );
   }
   const windowOf = id => windows.find( window => window.mainView.id == id );
   for ( const given of scenario.images.filter( each => each.mask ) )
   {
      const { mask, maskInverted = false } = given;
      Object.assign( windowOf( given.id ), { mask: windowOf( mask ), maskEnabled: true, maskInverted } );
   }

   const line = kind => ( text = "" ) => record.console.push( [ kind, text ] );
   const console = {
      abortEnabled: false, abortRequested: false, show() { record.shown = true; }, flush() {},
      resetStatus() { Object.assign( console, { abortEnabled: false, abortRequested: false } ); },
      ...Object.fromEntries( WAYS.map( kind => [ kind, line( kind ) ] ) )
   };

   const stub = { console, windowOf, windows, record, ImageWindow, UndoFlag };
   const onEvents = new Function( "stub", "count", scenario.events );
   let count = 0;
   const processEvents = () =>
   {
      handleAll();
      onEvents( stub, ++count );
   };

   const previews = windows.flatMap( window => window.previews );
   const of = id => windowOf( id )?.mainView ?? previews.find( preview => preview.id == id );
   const typed = ( type, name ) =>
   {
      if ( typeof record.parameters[ name ] != type )
         throw new TypeError( `the parameter ${name} is no ${type}` );
      return record.parameters[ name ];
   };
   const Parameters = closed( {
      isViewTarget: ![ null, "global" ].includes( scenario.target ), isGlobalTarget: scenario.target == "global",
      targetView: of( scenario.target ) ?? null,
      has: name => name in record.parameters,
      set: ( name, value ) => record.parameters[ name ] = value,
      getString: name => typed( "string", name ),
      getReal: name => typed( "number", name ),
      getBoolean: name => typed( "boolean", name )
   }, "Parameters" );
   const Settings = closed( {
      read: ( key, type ) => key in record.settings ? record.settings[ key ] : null,
      write: ( key, type, value ) => record.settings[ key ] = value
   }, "Settings" );

   const turn = ( dialog, number ) =>
   {
      const body = scenario.turns[ number - 1 ];
      if ( body === undefined )
         return dialog.cancel();
      new Function( "user", "dialog", "stub", body )( userOf( dialog ), dialog, stub );
   };
   const CoreApplication = {
      ensureMinimumVersion( ...needed )
      {
         const first = needed.findIndex( ( part, i ) => part != scenario.version[ i ] );
         if ( first >= 0 && needed[ first ] > scenario.version[ first ] )
            throw new Error( "this script needs PixInsight " + needed.join( "." ) );
      },
      ...( scenario.olderEvents ? {} : { processEvents } )
   };

   const globals = {
      console, Parameters, Settings, CoreApplication, ImageWindow, View, ExternalProcess,
      UndoFlag: closed( UndoFlag, "UndoFlag" ), ...makeFiles(), ...makeControls( record, turn ),
      ...( scenario.olderEvents ? { processEvents } : {} )
   };
   const file = path.join( __dirname, "..", "..", "hosts", "pixinsight", "fastbg.js" );
   try
   {
      vm.runInNewContext( preprocessed( file ), globals, { filename: file } );
   }
   catch ( error )
   {
      record.thrown = { message: error.message, stack: error.stack };
   }
   finish( windows, running() );
}

/* Tell what happened, and end: a program that still runs is told, too. */
function finish( windows, orphans )
{
   const told = ( { mainView, ...window } ) => ( {
      id: mainView.id, steps: mainView.historyIndex, properties: mainView.properties, stf: mainView.stf,
      open: Boolean( mainView.flags ),
      format: xisf.formatOf( mainView.image.content.bits, mainView.image.content.isFloat ),
      keywords: window.keywords, filePath: window.filePath, visible: window.visible, solution: window.solution
   } );
   for ( const { mainView, keywords } of windows )
      xisf.write( path.join( scenario.folder, mainView.id + ".xisf" ), mainView.image.content, keywords );
   const text = JSON.stringify( { ...record, orphans: orphans.length, windows: windows.map( told ) } );
   process.stdout.write( text, () => process.exit( 0 ) );
}

main();
