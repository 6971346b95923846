/*
 * Dialogs and controls of PixInsight. A control has only the members that are listed here: another
 * name is a mistake of the script. A dialog takes members of the script, too.
 */
"use strict";

/* An object that has no other members than it has now. */
const closed = ( object, name ) => new Proxy( object, {
   get( target, key )
   {
      if ( typeof key == "string" && !( key in target ) )
         throw new TypeError( `${name} has no ${key}` );
      return target[ key ];
   },
   set( target, key, value )
   {
      if ( !( key in target ) )
         throw new TypeError( `${name} has no ${key}` );
      target[ key ] = value;
      return true;
   }
} );

function makeControls( record, user )
{
   class Control
   {
      constructor( parent, members = {} )
      {
         Object.assign( this, {
            parent, toolTip: "", enabled: true, hasFocus: false, sizer: null, width: 0, height: 0, minWidth: 0,
            font: { width: text => 7 * text.length }, ...members
         } );
      }

      setFixedWidth() {}
      setScaledFixedSize() {}
      setScaledMinWidth() {}
      adjustToContents() {}
      scaledResource( name ) { return name; }
   }

   const kind = ( name, members = {}, Base = Control ) => ( {
      [ name ]: class extends Base
      {
         constructor( parent )
         {
            super( parent, members );
            for ( const [ key, make ] of Object.entries( members ) )
               this[ key ] = typeof make == "function" ? make() : make;
            this.kind = name;
            const control = closed( this, name );
            parent?.children?.push( control );
            return control;
         }
      }
   } )[ name ];

   const Label = kind( "Label", { text: "", textAlignment: 0, useRichText: false, wordWrapping: false } );
   const Edit = kind( "Edit", { text: "", readOnly: false, onEditCompleted: null, onTextUpdated: null } );
   const GroupBox = kind( "GroupBox", { title: "" } );
   const CheckBox = kind( "CheckBox", { text: "", checked: false, onCheck: null, onClick: null } );
   const PushButton = kind( "PushButton", { text: "", icon: null, defaultButton: false, onClick: null } );
   const ToolButton = kind( "ToolButton", { text: "", icon: null, pushed: false, onClick: null, onMousePress: null } );
   const ComboBox = class extends kind( "ComboBox", { items: () => [], currentItem: 0, onItemSelected: null } )
   {
      addItem( text ) { this.items.push( text ); }
   };
   const NumericControl = class extends kind( "NumericControl", {
      label: () => new Label, slider: () => ( { setRange() {} } ), value: 0, range: () => [ 0, 1 ], onValueUpdated: null
   } )
   {
      setReal() {}
      setPrecision() {}
      setRange( lower, upper ) { this.range = [ lower, upper ]; }
      setValue( value ) { this.value = Math.min( Math.max( value, this.range[ 0 ] ), this.range[ 1 ] ); }
   };
   const ViewList = class extends kind( "ViewList", { currentView: null, onViewSelected: null } )
   {
      getMainViews() {}
   };

   class Sizer
   {
      constructor()
      {
         Object.assign( this, { items: [], margin: 0, spacing: 0 } );
         return closed( this, "Sizer" );
      }

      add( item ) { this.items.push( item ); }
      addStretch() {}
      addSpacing() {}
   }

   class Dialog extends Control
   {
      constructor()
      {
         super( null );
         Object.assign( this, { children: [], windowTitle: "", result: null } );
      }

      execute()
      {
         this.result = null;
         user( this, ++record.dialogs );
         return this.result ?? 0;
      }

      ok() { this.done( 1 ); }
      cancel() { this.done( 0 ); }
      done( code ) { this.result = code; }
      newInstance() { record.instances.push( { ...record.parameters } ); }
      static openBrowser( address ) { record.opened( address ); }
   }

   class MessageBox
   {
      constructor( text, caption ) { Object.assign( this, { text, caption } ); }
      execute() { record.boxes.push( this.text ); return 1; }
   }

   class OpenFileDialog
   {
      constructor() { Object.assign( this, { caption: "", multipleSelections: true, filters: [] } ); }
      get fileName() { throw new Error( "OpenFileDialog.fileName is deprecated: use filePath" ); }
      get filePath() { return record.chosenFile; }
      execute() { return record.chosenFile != ""; }
   }

   const constants = {
      StdIcon: { NoIcon: 0, Question: 1, Information: 2, Warning: 3, Error: 4 },
      StdButton: { NoButton: 0, Ok: 1, Cancel: 2, Yes: 3, No: 4 },
      StdDialogCode: { Cancel: 0, Ok: 1 },
      TextAlignment: { Left: 1, Right: 2, Center: 4, VertCenter: 0x80 },
      DataType: { Boolean: 1, Int32: 4, Double: 9, String: 12, UCString: 13 }
   };
   for ( const [ name, values ] of Object.entries( constants ) )
      constants[ name ] = closed( values, name );

   return {
      Control, Label, Edit, GroupBox, CheckBox, PushButton, ToolButton, ComboBox, NumericControl, ViewList, Dialog,
      MessageBox, OpenFileDialog, HorizontalSizer: Sizer, VerticalSizer: Sizer, ...constants
   };
}

module.exports = { closed, makeControls };
