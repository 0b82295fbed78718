// Loaded before the built program (`node --require`): every name below .localhost leads to FAKE_ADDRESS.
const dns = require("node:dns");
const { lookup } = dns;
const { lookup: lookupPromised } = dns.promises;
const found = () => [{ address: process.env.FAKE_ADDRESS, family: 4 }];

dns.lookup = (name, options, callback) => {
  if (!name.endsWith(".localhost")) return lookup(name, options, callback);
  if (options.all) return process.nextTick(callback, null, found());
  return process.nextTick(callback, null, process.env.FAKE_ADDRESS, 4);
};
dns.promises.lookup = async (name, options) => (name.endsWith(".localhost") ? found() : lookupPromised(name, options));
