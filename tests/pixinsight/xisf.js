/*
 * XISF files of one image without compression, as PixInsight reads and writes them by default.
 */
"use strict";

const fs = require( "node:fs" );

const SAMPLES = {
   UInt8: Uint8Array, UInt16: Uint16Array, UInt32: Uint32Array, Float32: Float32Array, Float64: Float64Array
};
const HEADER = 65536; // bytes before the samples

const formatOf = ( bits, isFloat ) => ( isFloat ? "Float" : "UInt" ) + bits;

const escaped = text => String( text ).replace( /[&<>"]/g, c => "&#" + c.charCodeAt( 0 ) + ";" );

const attribute = ( element, name ) => new RegExp( `\\s${name}="([^"]*)"` ).exec( element )?.[ 1 ];

/* { width, height, channels, isColor, bits, isFloat, planes }: planes are arrays of samples. */
function read( path )
{
   const bytes = fs.readFileSync( path );
   const header = bytes.subarray( 16, 16 + bytes.readUInt32LE( 8 ) ).toString( "utf8" );
   const element = /<Image\s[^>]*>/.exec( header )[ 0 ];
   if ( attribute( element, "compression" ) )
      throw new Error( "the stub reads no compressed XISF" );
   const [ width, height, channels ] = attribute( element, "geometry" ).split( ":" ).map( Number );
   const [ , begin, size ] = attribute( element, "location" ).split( ":" ).map( Number );
   const [ , kind, bits ] = /(\D+)(\d+)/.exec( attribute( element, "sampleFormat" ) );
   const isFloat = kind == "Float";
   const copy = new Uint8Array( bytes.subarray( begin, begin + size ) ).buffer;
   const samples = new SAMPLES[ formatOf( bits, isFloat ) ]( copy ), area = width * height;
   const planes = Array.from( { length: channels }, ( _, c ) => samples.slice( c * area, ( c + 1 ) * area ) );
   const isColor = attribute( element, "colorSpace" ) == "RGB";
   return { width, height, isColor, bits: Number( bits ), isFloat, planes };
}

function write( path, image, keywords )
{
   const { width, height, planes, isColor, bits, isFloat } = image;
   const samples = planes.map( plane => Buffer.from( plane.buffer, plane.byteOffset, plane.byteLength ) );
   const data = Buffer.concat( samples );
   const attributes = {
      geometry: `${width}:${height}:${planes.length}`,
      sampleFormat: formatOf( bits, isFloat ),
      ...( isFloat ? { bounds: "0:1" } : {} ),
      colorSpace: isColor ? "RGB" : "Gray",
      location: `attachment:${HEADER}:${data.length}`
   };
   const pair = ( [ name, text ] ) => ` ${name}="${escaped( text )}"`;
   const written = each => Object.entries( each ).map( pair ).join( "" );
   const header = Buffer.from( '<?xml version="1.0" encoding="UTF-8"?>\n'
      + '<xisf version="1.0" xmlns="http://www.pixinsight.com/xisf">'
      + `<Image${written( attributes )}>`
      + keywords.map( each => `<FITSKeyword${written( each )}/>` ).join( "" )
      + "</Image></xisf>" );
   const start = Buffer.alloc( HEADER );
   start.write( "XISF0100" );
   start.writeUInt32LE( header.length, 8 );
   header.copy( start, 16 );
   fs.writeFileSync( path, Buffer.concat( [ start, data ] ) );
}

module.exports = { SAMPLES, formatOf, read, write };
