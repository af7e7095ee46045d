// Prints the test runner's counts as the last line. In CI everything is there that a test may need, so a skip fails too.
import { readFileSync } from 'node:fs'

const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests, numTodoTests } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const skipped = numPendingTests + numTodoTests
if (skipped > 0) console.error(`${skipped} tests were skipped: expected none in CI`)
if (numFailedTests === 0 && numFailedTestSuites > 0) console.error(`${numFailedTestSuites} test files could not be run`)
console.log(`${numPassedTests} passed, ${numFailedTests + skipped + (numFailedTests === 0 ? numFailedTestSuites : 0)} failed`)
process.exitCode = numPassedTests > 0 && numFailedTests + numFailedTestSuites + skipped === 0 ? 0 : 1
