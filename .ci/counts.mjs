// Prints the counts of vitest's JSON reports, added up, as "N passed, N failed" (", N skipped"). A report that is missing, that
// cannot be read, or that has no tests is a failure: such a run says nothing, however many others passed.
import { readFileSync } from "node:fs";

function countsOf(path) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    console.error(`${path}: no test report (${error instanceof Error ? error.message : String(error)})`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0 } = report;
  if (numPassedTests + numFailedTests === 0) return { passed: 0, failed: 1, skipped: numPendingTests + numTodoTests };
  return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests };
}

const all = process.argv.slice(2).map(countsOf);
const sum = (name) => all.reduce((total, counts) => total + counts[name], 0);
const [passed, failed, skipped] = [sum("passed"), sum("failed"), sum("skipped")];
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
if (failed > 0 || all.length === 0) process.exitCode = 1;
