// Wine refuses this option on a socket that is still connecting; Windows does not.
const { Socket } = require("node:net");

const setKeepAlive = Socket.prototype.setKeepAlive;
Socket.prototype.setKeepAlive = function (...given) {
  if (!this.connecting) return setKeepAlive.apply(this, given);
  return this.once("connect", () => setKeepAlive.apply(this, given));
};
