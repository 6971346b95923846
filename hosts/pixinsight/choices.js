/*
 * What a user chooses: kept by process icons and by the history of an image, and told to fastbg.
 */

/* By the name of an option of fastbg: its values, and what the dialog calls them. */
var OPTIONS = {
   protect: {
      "auto": "Automatically",
      "always": "Always, beside a mask too",
      "strong": "Always, and more of them",
      "off": "Never"
   },
   mode: {
      "subtract": "Subtraction",
      "divide": "Division"
   },
   pedestal: {
      "model-median": "As before",
      "neutral": "The same in all channels",
      "none": "Zero",
      "number": "A level of your choice",
      "bgoptimizer": "As bgoptimizer does"
   }
};

var Choices = class
{
   constructor()
   {
      this.protect = "auto";
      this.mode = "subtract";
      this.pedestal = "model-median";
      this.level = 0.01; // of the sky, if it is one of the user's choice; 1 is white
      this.strength = 100; // percent
      this.model = false; // show the background in a new window
      this.mask = false; // the mask of the image says what is sky
      this.previews = false; // what lies in previews is not sky
   }

   /* Those of the process icon that runs; what it does not have is as it is by default. */
   static stored()
   {
      let choices = new Choices;
      for ( let name of Object.keys( choices ) )
         if ( Parameters.has( name ) )
            choices[ name ] = READ[ typeof choices[ name ] ]( name );
      for ( let name of Object.keys( OPTIONS ) )
         if ( !Object.hasOwn( OPTIONS[ name ], choices[ name ] ) )
            throw new Error( "This instance has \"" + choices[ name ] + "\" for " + name
               + ", which this version of the script does not know: make a new instance." );
      if ( !( choices.strength >= 0 && choices.strength <= 100 ) )
         throw new Error( "This instance has a strength that is not between 0 and 100 %: "
            + "make a new instance." );
      if ( !( choices.level >= 0 && choices.level <= 1 ) )
         throw new Error( "This instance has a level of the sky that is not between 0 and 1: "
            + "make a new instance." );
      return choices;
   }

   store()
   {
      for ( let name of Object.keys( this ) )
         Parameters.set( name, this[ name ] );
   }

   /* Options of fastbg. Previews alone only add to what is found: objects are looked for in the
    * rest, as without them. A mask is obeyed. */
   options()
   {
      let protect = this.protect;
      if ( protect == "auto" && this.previews && !this.mask )
         protect = "always";
      let pedestal = this.pedestal == "number" ? String( this.level ) : this.pedestal;
      let given = [ "--protect", protect, "--mode", this.mode, "--pedestal", pedestal ];
      return this.strength < 100 ? [ ...given, "--strength", this.strength + "%" ] : given;
   }
};

var READ = {
   "string": name => Parameters.getString( name ),
   "number": name => Parameters.getReal( name ),
   "boolean": name => Parameters.getBoolean( name )
};
