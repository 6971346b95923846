/*
 * ExternalProcess of PixInsight: it starts real programs, and its handlers are called only where
 * events are handled. `onError` may be called although the program runs.
 */
"use strict";

const path = require( "node:path" );
const { MessageChannel, Worker, receiveMessageOnPort } = require( "node:worker_threads" );

/* Bytes whose toString() takes each for a character. */
class ByteArray
{
   constructor( bytes ) { this.bytes = Buffer.from( bytes ); }
   toString() { return this.bytes.toString( "latin1" ); }
   utf8ToString() { return this.bytes.toString( "utf8" ); }
}

const pause = milliseconds => Atomics.wait( new Int32Array( new SharedArrayBuffer( 4 ) ), 0, 0, milliseconds );

function makeProcesses( record )
{
   const all = [];

   class ExternalProcess
   {
      constructor()
      {
         Object.assign( this, {
            isStarting: false, isRunning: false, exitCode: 0, exitStatus: 0, pid: 0, unread: { stdout: [], stderr: [] }
         } );
         all.push( this );
      }

      start( program, options )
      {
         if ( !Array.isArray( options ) )
            throw new TypeError( "ExternalProcess.start: give an array, for a line is split at blanks" );
         record.started.push( [ program, ...options ] );
         this.isStarting = true;
         const { port1, port2 } = new MessageChannel;
         this.thread = port1;
         new Worker( path.join( __dirname, "child.js" ),
            { workerData: { program, options: [ ...options ], port: port2 }, transferList: [ port2 ] } );
         if ( record.spuriousErrors )
            this.onError?.( 5 );
      }

      terminate() { if ( !record.deaf ) this.send( "SIGTERM" ); }
      kill() { this.send( "SIGKILL" ); }
      send( signal ) { record.signals.push( signal ); this.thread.postMessage( signal ); }

      waitForFinished( milliseconds )
      {
         const latest = Date.now() + milliseconds;
         while ( ( this.isStarting || this.isRunning ) && Date.now() < latest )
         {
            pause( 2 );
            this.handle();
         }
         return !this.isRunning;
      }

      get stdout() { return this.take( "stdout" ); }
      get stderr() { return this.take( "stderr" ); }

      take( stream )
      {
         const bytes = Buffer.concat( this.unread[ stream ] );
         this.unread[ stream ] = [];
         return new ByteArray( bytes );
      }

      handle()
      {
         for ( let got; this.thread && ( got = receiveMessageOnPort( this.thread ) ); )
         {
            const { kind, value } = got.message;
            if ( kind == "started" )
               Object.assign( this, { isStarting: false, isRunning: true, pid: value } );
            else if ( kind == "failed" )
            {
               Object.assign( this, { isStarting: false, isRunning: false } );
               this.onError?.( 0 );
            }
            else if ( kind == "finished" )
            {
               Object.assign( this, { isStarting: false, isRunning: false } );
               Object.assign( this, { exitCode: value.code, exitStatus: Number( value.crashed ) } );
               this.onFinished?.( this.exitCode, this.exitStatus );
            }
            else
            {
               this.unread[ kind ].push( value );
               ( kind == "stdout" ? this.onStandardOutputDataAvailable : this.onStandardErrorDataAvailable )?.();
            }
         }
      }
   }

   const handleAll = () => all.forEach( process => process.handle() );
   const running = () => all.filter( process => process.isStarting || process.isRunning );
   return { ExternalProcess, ByteArray, handleAll, running };
}

module.exports = { makeProcesses };
