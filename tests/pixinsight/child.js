/* A thread that runs one program: what happens to it becomes messages, which the main thread takes
 * when it wants, as an event loop would. */
"use strict";

const { workerData } = require( "node:worker_threads" );
const { spawn } = require( "node:child_process" );

const { program, options, port } = workerData;
const child = spawn( program, options, { stdio: [ "pipe", "pipe", "pipe" ] } );
const tell = ( kind, value ) => port.postMessage( { kind, value } );
child.on( "spawn", () => tell( "started", child.pid ) );
child.on( "error", () => tell( "failed" ) );
child.stdout.on( "data", data => tell( "stdout", data ) );
child.stderr.on( "data", data => tell( "stderr", data ) );
child.on( "close", ( code, signal ) => tell( "finished", { code: code ?? 0, crashed: signal != null } ) );
port.on( "message", signal => child.kill( signal ) );
