/** The gateway's process: `node proxy-main.js PORT POSTGREST_PORT`. */
import { createProxy } from './proxy.js';

const [port, postgrestPort] = process.argv.slice(2).map((word) => Number.parseInt(word, 10));
if (port === undefined || postgrestPort === undefined || Number.isNaN(port + postgrestPort)) {
  process.stderr.write('Usage: node proxy-main.js PORT POSTGREST_PORT\n');
  process.exit(2);
}

const server = createProxy(postgrestPort);
server.on('error', (error) => {
  process.stderr.write(`ERROR: ${error.message}\n`);
  process.exit(1);
});
server.listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
