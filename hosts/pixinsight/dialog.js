/*
 * The dialog: which image, what is sky, what is done with the background, and where fastbg is.
 */

var TEXTS = {
   about: "<p><b>fastbg</b> removes the background gradient of a <b>linear</b> image. Only the pixels "
      + "of the image change, in one step that Undo takes back.</p>",
   image: "<p>The image whose background is removed. It must not be stretched yet, except on the "
      + "screen.</p>",
   protect: "<p>fastbg looks for galaxies, nebulae and stars, so that they are not taken for sky.</p>"
      + "<p><b>Automatically</b> suits most images. Where the mask of the image is used, what it leaves "
      + "is sky, and only stars are still left out.</p>"
      + "<p><b>Always, beside a mask too</b>: in what the mask leaves as well.</p>"
      + "<p><b>Always, and more of them</b>: where the outer parts of a nebula become fainter.</p>"
      + "<p><b>Never</b>: everything is sky.</p>",
   mask: "<p>The mask of the image says what is sky: where it is white, or black if it is inverted. That "
      + "is where PixInsight would process the image.</p>"
      + "<p>Leave out <b>all</b> that is no sky, except stars.</p>",
   previews: "<p>Draw previews around galaxies and nebulae that become fainter otherwise: they are not "
      + "taken for sky. The rest is searched as usual.</p>",
   mode: "<p><b>Subtraction</b>: light of the sky, as from towns and the Moon.</p>"
      + "<p><b>Division</b>: darker corners (vignetting) that flat frames did not correct.</p>",
   strength: "<p>How much of the background is removed. With less than 100 %, a part of it stays.</p>",
   pedestal: "<p>The level of the sky in the result, when the background is subtracted.</p>"
      + "<p><b>As before</b>: brightness and colour of the sky stay.</p>"
      + "<p><b>The same in all channels</b>: the sky becomes grey.</p>"
      + "<p><b>Zero</b>: half of the noise becomes negative, which PixInsight shows as black.</p>"
      + "<p><b>A level of your choice</b>: the number below.</p>"
      + "<p><b>As bgoptimizer does</b>: for comparison with that program.</p>",
   level: "<p>The level of the sky in all channels, if it is one of your choice: 0 is black, and 1 is "
      + "white.</p>",
   model: "<p>The background that was found, in a window of its own. Look at it: it should be smooth, and "
      + "show neither galaxies nor nebulae.</p>",
   program: "<p>The program fastbg (fastbg.exe on Windows), which does the work. Where it is, "
      + "<tt>which fastbg</tt> tells in a terminal, and <tt>where fastbg</tt> on Windows.</p>",
   browse: "<p>Choose the program fastbg.</p>",
   newInstance: "<p>New instance: drag it to the workspace for a process icon with these settings, or "
      + "onto an image to remove its background at once.</p>",
   live: "<p>Open the result as a page in a browser. There you see what was taken for sky, correct it with "
      + "a brush, try the settings, and send the result back to this image.</p>",
   execute: "<p>Remove the background of the image.</p>",
   cancel: "<p>Close this dialog.</p>"
};

var FastbgDialog = class extends Dialog
{
   static Live = 2; // what execute() returns when the page is wanted; Ok is 1 and Cancel is 0

   constructor( choices )
   {
      super();
      this.windowTitle = TITLE;
      this.choices = choices;
      let active = ImageWindow.activeWindow;
      this.view = active && !active.isNull ? active.mainView : null;
      this.program = "";
      this.labelWidth = this.font.width( "Level of the sky:M" );

      let about = new Label( this );
      about.useRichText = true;
      about.wordWrapping = true;
      about.text = TEXTS.about;

      this.sizer = new VerticalSizer;
      this.sizer.margin = 8;
      this.sizer.spacing = 6;
      this.sizer.add( about );
      this.sizer.add( this.group( "Target", [ this.viewList() ] ) );
      this.sizer.add( this.group( "What is sky", [
         this.choice( "Find objects:", "protect" ),
         this.check( "Use the mask of the image", "mask" ),
         this.check( "What lies in previews is not sky", "previews" )
      ] ) );
      this.sizer.add( this.group( "Background", [
         this.choice( "Correction:", "mode" ),
         this.number( "Strength (%):", "strength", 100, 0 ),
         this.choice( "Level of the sky:", "pedestal" ),
         this.level = this.number( "Level:", "level", 1, 5 ),
         this.check( "Show the background in a new window", "model" )
      ] ) );
      this.sizer.add( this.group( "Program", this.programRows() ) );
      this.sizer.add( this.buttons() );
      this.enableLevel();
      this.useProgram( knownProgram() );
      this.setScaledMinWidth( 460 );
      this.adjustToContents();
   }

   group( title, rows )
   {
      let group = new GroupBox( this );
      group.title = title;
      group.sizer = new VerticalSizer;
      group.sizer.margin = 6;
      group.sizer.spacing = 6;
      rows.forEach( row => group.sizer.add( row ) );
      return group;
   }

   /* A label and controls in one row; without a text, the controls stand under those of others. */
   row( text, tip, controls )
   {
      let label = new Label( this ), row = new HorizontalSizer;
      label.text = text;
      label.textAlignment = TextAlignment.Right | TextAlignment.VertCenter;
      label.setFixedWidth( this.labelWidth );
      row.spacing = 6;
      row.add( label );
      controls.forEach( control => row.add( control, control instanceof ToolButton ? 0 : 100 ) );
      [ label, ...controls ].filter( control => !control.toolTip ).forEach( control => control.toolTip = tip );
      return row;
   }

   viewList()
   {
      let list = new ViewList( this );
      list.getMainViews();
      if ( this.view )
         list.currentView = this.view;
      list.onViewSelected = view => this.view = view;
      return this.row( "Image:", TEXTS.image, [ list ] );
   }

   choice( text, name )
   {
      let box = new ComboBox( this ), values = Object.keys( OPTIONS[ name ] );
      values.forEach( value => box.addItem( OPTIONS[ name ][ value ] ) );
      box.currentItem = values.indexOf( this.choices[ name ] );
      box.onItemSelected = index =>
      {
         this.choices[ name ] = values[ index ];
         this.enableLevel();
      };
      return this.row( text, TEXTS[ name ], [ box ] );
   }

   enableLevel()
   {
      this.level.enabled = this.choices.pedestal == "number";
   }

   check( text, name )
   {
      let box = new CheckBox( this );
      box.text = text;
      box.checked = this.choices[ name ];
      box.onCheck = checked => this.choices[ name ] = checked;
      return this.row( "", TEXTS[ name ], [ box ] );
   }

   /* From 0 to a largest value, with so many decimals. */
   number( text, name, largest, decimals )
   {
      let control = new NumericControl( this );
      control.label.text = text;
      control.label.textAlignment = TextAlignment.Right | TextAlignment.VertCenter;
      control.label.setFixedWidth( this.labelWidth );
      control.setReal( decimals > 0 );
      control.setRange( 0, largest );
      control.setPrecision( decimals );
      control.slider.setRange( 0, 100 );
      control.setValue( this.choices[ name ] );
      control.onValueUpdated = value => this.choices[ name ] = value;
      control.toolTip = TEXTS[ name ];
      return control;
   }

   programRows()
   {
      this.path = new Edit( this );
      this.path.onEditCompleted = () => this.useProgram( this.path.text.trim() );
      let browse = new ToolButton( this );
      browse.icon = this.scaledResource( ":/icons/select-file.png" );
      browse.setScaledFixedSize( 20, 20 );
      browse.toolTip = TEXTS.browse;
      browse.onClick = () =>
      {
         let files = new OpenFileDialog;
         files.caption = "Choose the program fastbg";
         files.multipleSelections = false;
         if ( files.execute() )
            this.useProgram( files.filePath );
      };
      this.status = new Label( this );
      this.status.wordWrapping = true;
      return [
         this.row( "fastbg:", TEXTS.program, [ this.path, browse ] ),
         this.row( "", TEXTS.program, [ this.status ] )
      ];
   }

   /* Check a program, and say whether it can be used. */
   useProgram( path )
   {
      this.program = "";
      this.path.text = path;
      try
      {
         this.status.text = path ? "fastbg " + chooseProgram( path ) + " is ready."
            : "fastbg was not found on this computer: choose where it is.";
         this.program = path;
      }
      catch ( error )
      {
         this.status.text = error.message;
      }
      this.run.enabled = this.live.enabled = this.program != "";
   }

   buttons()
   {
      let instance = new ToolButton( this );
      instance.icon = this.scaledResource( ":/process-interface/new-instance.png" );
      instance.setScaledFixedSize( 24, 24 );
      instance.toolTip = TEXTS.newInstance;
      instance.onMousePress = () =>
      {
         instance.hasFocus = true;
         this.choices.store();
         instance.pushed = false;
         this.newInstance();
      };
      this.live = this.button( "Live...", TEXTS.live, () => this.done( FastbgDialog.Live ) );
      this.run = this.button( "Execute", TEXTS.execute, () => this.ok(), ":/icons/ok.png" );
      let cancel = this.button( "Cancel", TEXTS.cancel, () => this.cancel(), ":/icons/cancel.png" );
      let row = new HorizontalSizer;
      row.spacing = 6;
      row.add( instance );
      row.addStretch();
      [ this.live, this.run, cancel ].forEach( button => row.add( button ) );
      return row;
   }

   button( text, tip, press, icon )
   {
      let button = new PushButton( this );
      button.text = text;
      button.toolTip = tip;
      if ( icon )
         button.icon = this.scaledResource( icon );
      button.onClick = press;
      return button;
   }
};
