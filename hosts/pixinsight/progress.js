/*
 * What fastbg tells while it works, for the console. The console cannot take a line back: so the
 * percentages of a stage stand beside one another.
 */

var STAGES = {
   read: "reading the image",
   prepare: "making a small copy",
   protect: "looking for the sky",
   fit: "fitting the background",
   render: "drawing the background",
   correct: "taking it out",
   report: "writing the report",
   write: "writing the result"
};

var Progress = class
{
   constructor()
   {
      this.report = null; // of a job that is done
      this.error = ""; // of one that failed
      this.quarters = 0; // of the stage that runs, as far as they were told
   }

   /* A line on stdout: events are objects in JSON, and other lines are none. */
   take( line )
   {
      if ( !line.startsWith( "{" ) )
         return;
      let event = JSON.parse( line );
      if ( event.event == "stage" )
      {
         this.quarters = 0;
         console.write( "<end><cbr>" + TITLE + ": " + ( STAGES[ event.stage ] || event.stage ) );
      }
      else if ( event.event == "progress" )
      {
         let quarters = Math.floor( 4 * event.done / event.total );
         if ( quarters > this.quarters && quarters < 4 )
            console.write( " " + 25 * ( this.quarters = quarters ) + "%" );
      }
      else if ( event.event == "done" )
         this.report = event.report;
      else if ( event.event == "error" )
         this.error = event.message;
   }

   /* The result in the console, after it is in the image. */
   conclude()
   {
      let { gradient, warnings } = this.report;
      say( gradient.taken_out == null ? "no gradient could be measured"
         : Math.round( 100 * gradient.taken_out ) + " % of the gradient was taken out" );
      warnings.forEach( warning => console.warningln( TITLE + ": warning: " + plain( warning ) ) );
   }
};

/* A line in the console. */
function say( text )
{
   console.noteln( "<end><cbr>" + TITLE + ": " + plain( text ) );
}

/* Text for the console and for boxes, which take < and > for markup. */
function plain( text )
{
   return text.replace( /</g, "\u2039" ).replace( />/g, "\u203A" );
}
