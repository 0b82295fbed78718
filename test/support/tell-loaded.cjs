// Required before a program: tells on standard error, when it ends, which CommonJS files were loaded.
process.on("exit", () => process.stderr.write(JSON.stringify(Object.keys(require.cache))));
