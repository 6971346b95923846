// @ts-check
/** @import { Connection, Header, Message, Picture } from "./types.js" */
import { words } from "./words.js";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8000;

/**
 * Open the socket of the session, and open it again whenever it is lost.
 *
 * @param {(message: Message) => void} onMessage Also told `{tell: "connection", status}`.
 * @param {(picture: Picture) => void} onPicture
 * @returns {Connection}
 */
export function connect(onMessage, onPicture) {
  /** @type {WebSocket | null} */
  let socket = null;
  let pause = FIRST_PAUSE;
  let closed = false;
  let timer = 0;
  let next = 1;
  /** @type {Map<number, { resolve: (answer: Message) => void, reject: (error: Error) => void }>} */
  const waiting = new Map();

  /** @param {string} status */
  const tell = (status) => onMessage({ tell: "connection", status });

  function open() {
    const address = new URL("socket", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      pause = FIRST_PAUSE;
      tell("open");
    };
    socket.onmessage = ({ data }) => (typeof data === "string" ? hear(data) : onPicture(decode(data)));
    socket.onclose = lost;
  }

  /** @param {string} text */
  function hear(text) {
    const message = /** @type {Message} */ (JSON.parse(text));
    const asked = waiting.get(message.id);
    const isProgress = message.tell === "progress";
    if (asked && !isProgress) {
      waiting.delete(message.id);
      if (message.tell === "problem") asked.reject(Object.assign(new Error(message.message), { id: message.id }));
      else asked.resolve(message);
    }
    if (message.tell === "ended") closed = true;
    if (!asked || message.tell !== "problem") onMessage(message);
  }

  function lost() {
    for (const { reject } of waiting.values()) reject(new Error(words.lostRequest));
    waiting.clear();
    if (closed) return tell("ended");
    tell("lost");
    timer = window.setTimeout(open, pause);
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }

  open();
  return {
    send(message) {
      if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error(words.lostRequest));
      const id = next++;
      const answer = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
      socket.send(JSON.stringify({ ...message, id }));
      return answer;
    },
    close() {
      closed = true;
      window.clearTimeout(timer);
      socket?.close();
    },
  };
}

/**
 * A picture from its bytes: the length of the header, the header, the planes. Nothing is copied.
 *
 * @param {ArrayBuffer} buffer
 * @returns {Picture}
 */
export function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  const header = /** @type {Header} */ (JSON.parse(text));
  const pixels = header.width * header.height;
  const Samples = header.type === "byte" ? Uint8Array : Uint16Array;
  const planes = Array.from({ length: header.channels }, (_, k) => {
    return new Samples(buffer, 4 + length + k * pixels * Samples.BYTES_PER_ELEMENT, pixels);
  });
  return { name: header.picture, header, planes };
}
