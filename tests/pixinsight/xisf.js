/*
 * XISF files of one image without compression, as PixInsight reads and writes them by default.
 */
"use strict";

const fs = require( "node:fs" );

const SAMPLES = { UInt8: Uint8Array, UInt16: Uint16Array, UInt32: Uint32Array, Float32: Float32Array, Float64: Float64Array };
const BLOCK = 4096;

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
   return { width, height, isColor: attribute( element, "colorSpace" ) == "RGB", bits: Number( bits ), isFloat, planes };
}

function write( path, image, keywords )
{
   const format = formatOf( image.bits, image.isFloat );
   const data = Buffer.concat( image.planes.map( plane => Buffer.from( plane.buffer, plane.byteOffset, plane.byteLength ) ) );
   const header = Buffer.from( `<?xml version="1.0" encoding="UTF-8"?>
<xisf version="1.0" xmlns="http://www.pixinsight.com/xisf"><Image geometry="${image.width}:${image.height}:${image.planes.length}"`
      + ` sampleFormat="${format}"${image.isFloat ? ' bounds="0:1"' : ""} colorSpace="${image.isColor ? "RGB" : "Gray"}"`
      + ` location="attachment:${BLOCK * 16}:${data.length}">` + keywords.map( each =>
         `<FITSKeyword name="${escaped( each.name )}" value="${escaped( each.value )}" comment="${escaped( each.comment )}"/>` ).join( "" )
      + "</Image></xisf>", "utf8" );
   const start = Buffer.alloc( BLOCK * 16 );
   start.write( "XISF0100" );
   start.writeUInt32LE( header.length, 8 );
   header.copy( start, 16 );
   fs.writeFileSync( path, Buffer.concat( [ start, data ] ) );
}

module.exports = { SAMPLES, formatOf, read, write };
