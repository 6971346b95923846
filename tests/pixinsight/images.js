/*
 * Image, View and ImageWindow of PixInsight, as far as the script uses them, with their pitfalls:
 * pixels change only between beginProcess and endProcess, which is a step of the history; the
 * windows of the user must not be saved; a closed window is null.
 */
"use strict";

const path = require( "node:path" );
const xisf = require( "./xisf.js" );

function makeImages( record )
{
   const windows = [];

   const uniqueId = id =>
   {
      let free = id;
      for ( let n = 1; windows.some( window => window.mainView.id == free ); ++n )
         free = id + n;
      return free;
   };

   class Image
   {
      constructor( view, content )
      {
         this.view = view;
         this.content = content;
      }

      get width() { return this.content.width; }
      get height() { return this.content.height; }
      get numberOfChannels() { return this.content.planes.length; }
      get isColor() { return this.content.isColor; }

      assign( other )
      {
         this.change();
         this.content = { ...other.content, planes: other.content.planes.map( plane => plane.slice() ) };
      }

      invert()
      {
         this.change();
         const white = this.content.isFloat ? 1 : 2 ** this.content.bits - 1;
         this.content.planes = this.content.planes.map( plane => plane.map( sample => white - sample ) );
      }

      change()
      {
         if ( !this.view.flags )
            throw new Error( "pixels are changed outside of beginProcess and endProcess" );
         this.view.changed = true;
      }
   }

   class View
   {
      constructor( window, id, content )
      {
         Object.assign( this, {
            window, name: id, isMainView: true, isPreview: false, stf: [], properties: {}, flags: 0, historyIndex: 0
         } );
         this.image = new Image( this, content );
      }

      get id() { return this.name; }
      set id( id ) { this.name = uniqueId( id ); }
      get isNull() { return this.window.isNull; }

      beginProcess( flags = UndoFlag.All )
      {
         if ( this.flags )
            throw new Error( "beginProcess within beginProcess" );
         this.flags = flags;
         this.changed = false;
      }

      endProcess()
      {
         if ( !this.flags )
            throw new Error( "endProcess without beginProcess" );
         if ( this.changed && this.flags != UndoFlag.NoSwapFile )
            ++this.historyIndex;
         this.flags = 0;
      }
   }

   class ImageWindow
   {
      constructor( width, height, channels = 1, bits = 32, isFloat = true, isColor = false, id = "image" )
      {
         if ( [ width, height, channels, bits ].some( number => typeof number != "number" ) )
            throw new TypeError( "ImageWindow: numbers are expected" );
         const Samples = xisf.SAMPLES[ xisf.formatOf( bits, isFloat ) ];
         const planes = Array.from( { length: channels }, () => new Samples( width * height ) );
         Object.assign( this, {
            keywords: [], previews: [], mask: null, maskEnabled: false, maskInverted: false, filePath: "",
            visible: false, isNull: false, ofUser: false, solution: null, rectangles: new Map
         } );
         this.mainView = new View( this, uniqueId( id ), { width, height, isColor, bits, isFloat, planes } );
         windows.push( this );
      }

      get bitsPerSample() { return this.mainView.image.content.bits; }
      get isFloatSample() { return this.mainView.image.content.isFloat; }
      get hasAstrometricSolution() { return this.solution != null; }
      copyAstrometricSolution( window ) { this.solution = window.solution; }
      previewRect( preview ) { return this.rectangles.get( preview ); }
      show() { this.visible = true; }

      setSampleFormat( bits, isFloat )
      {
         const { content } = this.mainView.image, Samples = xisf.SAMPLES[ xisf.formatOf( bits, isFloat ) ];
         const from = content.isFloat ? 1 : 2 ** content.bits - 1, to = isFloat ? 1 : 2 ** bits - 1;
         const clipped = sample => Math.min( Math.max( sample / from, 0 ), 1 );
         const convert = sample => isFloat ? sample / from : Math.round( clipped( sample ) * to );
         content.planes = content.planes.map( plane => Samples.from( plane, convert ) );
         Object.assign( content, { bits, isFloat } );
      }

      saveAs( file, queryOptions = true, allowMessages = true, strict = true, verifyOverwrite = true )
      {
         if ( this.ofUser )
            throw new Error( "the window of the user is saved under another name" );
         if ( queryOptions || allowMessages || verifyOverwrite )
            throw new Error( "saveAs would ask the user" );
         if ( record.diskFull )
            return false;
         xisf.write( file, this.mainView.image.content, this.keywords );
         this.filePath = file;
         return true;
      }

      forceClose()
      {
         this.isNull = true;
         windows.splice( windows.indexOf( this ), 1 );
      }

      static get activeWindow() { return windows.find( window => window.ofUser ) ?? null; }

      static open( file, id = "", hints = "", asCopy = false )
      {
         if ( !asCopy )
            throw new Error( "the window would keep the path of a temporary file" );
         const content = xisf.read( file );
         const window = new ImageWindow( 1, 1, 1, content.bits, content.isFloat, content.isColor,
            id || path.parse( file ).name.replace( /\W/g, "_" ) );
         window.mainView.image.content = content;
         return [ window ];
      }
   }

   const UndoFlag = Object.freeze( { NoSwapFile: 1, PixelData: 2, Keywords: 4, All: 255 } );
   return { Image, View, ImageWindow, UndoFlag, windows };
}

module.exports = { makeImages };
