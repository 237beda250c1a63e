import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { root } from '../installed.mjs';

/**
 * Counts jest's results. A suite that couldn't run is a failure, and so is a jest that ended badly for
 * another reason or left no results.
 *
 * @returns {{ failed: number, skipped: string[], line: string }} skipped: the suites that have skipped tests
 */
export function readTally(resultsFile, exitCode) {
  const results = read(resultsFile);
  const failures = results.numFailedTests + results.numRuntimeErrorTestSuites;
  const failed = failures === 0 && exitCode !== 0 ? 1 : failures;
  return {
    failed,
    skipped: skippedSuites(results),
    line: `${results.numPassedTests} passed, ${failed} failed`,
  };
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return {
      numPassedTests: 0,
      numFailedTests: 0,
      numRuntimeErrorTestSuites: 0,
      testResults: [],
    };
  }
}

function skippedSuites({ testResults }) {
  return testResults.flatMap(({ name, assertionResults }) => {
    const skipped = assertionResults.filter(({ status }) => status === 'pending');
    const suites = new Set(skipped.map(({ ancestorTitles: [suite = ''] }) => suite));
    return [...suites].map((suite) => `${relative(root, name)} › ${suite}`);
  });
}
