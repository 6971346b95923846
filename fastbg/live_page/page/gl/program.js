// @ts-check
import { VERTEX } from "./shaders.js";

/** @typedef {number | boolean | number[]} Value */

/** A compiled pair of shaders, whose uniforms are set by name; those that it lacks are left out. */
export class Program {
  /** @param {WebGL2RenderingContext} gl @param {string} fragment */
  constructor(gl, fragment) {
    this.gl = gl;
    this.program = gl.createProgram();
    for (const [type, source] of /** @type {const} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, fragment]])) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(type));
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
        throw new Error(gl.getShaderInfoLog(shader) ?? "shader");
      }
    }
    gl.bindAttribLocation(this.program, 0, "corner");
    gl.linkProgram(this.program);
    /** @type {Map<string, { location: WebGLUniformLocation, type: number }>} */
    this.uniforms = new Map();
    const count = gl.getProgramParameter(this.program, gl.ACTIVE_UNIFORMS) ?? 0;
    for (let index = 0; index < count; index++) {
      const { name, type } = /** @type {WebGLActiveInfo} */ (gl.getActiveUniform(this.program, index));
      const location = /** @type {WebGLUniformLocation} */ (gl.getUniformLocation(this.program, name));
      this.uniforms.set(name.replace("[0]", ""), { location, type });
    }
  }

  use() {
    this.gl.useProgram(this.program);
  }

  /** @param {Record<string, Value>} values */
  set(values) {
    const { gl } = this;
    for (const [name, value] of Object.entries(values)) {
      const uniform = this.uniforms.get(name);
      if (!uniform) continue;
      const { location, type } = uniform;
      if (typeof value === "boolean") gl.uniform1i(location, Number(value));
      else if (typeof value !== "number") this._setVector(location, type, value);
      else if (type === gl.FLOAT) gl.uniform1f(location, value);
      else gl.uniform1i(location, value);
    }
  }

  /** @param {WebGLUniformLocation} location @param {number} type @param {number[]} value */
  _setVector(location, type, value) {
    const { gl } = this;
    if (type === gl.FLOAT_VEC2) gl.uniform2fv(location, value);
    else if (type === gl.FLOAT_VEC3) gl.uniform3fv(location, value);
    else gl.uniform4fv(location, value);
  }
}
