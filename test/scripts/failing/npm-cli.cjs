// Stands in for npm where a test must not install anything.
process.stderr.write('A test asked npm to install: run "node scripts/run.mjs install" before the tests.\n');
process.exit(3);
