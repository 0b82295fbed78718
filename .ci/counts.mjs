// Prints the counts of a vitest JSON report as "N passed, N failed" (", N skipped"). A report without tests is a failure.
import { readFileSync } from "node:fs";

const { numPassedTests, numFailedTests, numPendingTests = 0, numTodoTests = 0 } = JSON.parse(
  readFileSync(process.argv[2], "utf8"),
);
const skipped = numPendingTests + numTodoTests;
console.log(`${numPassedTests} passed, ${numFailedTests} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
if (numPassedTests + numFailedTests === 0) process.exitCode = 1;
