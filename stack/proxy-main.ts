/** The gateway's process: `node proxy-main.js [HOST:]PORT [POSTGREST_HOST:]POSTGREST_PORT`; a host left out is loopback. */
import { createProxy, type Upstream } from './proxy.js';

const [own, postgrest] = process.argv.slice(2).map(parseAddress);
if (own === undefined || postgrest === undefined || Number.isNaN(own.port + postgrest.port)) {
  process.stderr.write('Usage: node proxy-main.js [HOST:]PORT [POSTGREST_HOST:]POSTGREST_PORT\n');
  process.exit(2);
}

const server = createProxy(postgrest);
server.on('error', (error) => {
  process.stderr.write(`ERROR: ${error.message}\n`);
  process.exit(1);
});
server.listen(own.port, own.host);
process.on('SIGTERM', () => process.exit(0));

function parseAddress(word: string): Upstream {
  const [port = '', host = '127.0.0.1'] = word.split(':').reverse();
  return { host, port: /^\d+$/.test(port) ? Number(port) : Number.NaN };
}
