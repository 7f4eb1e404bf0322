// authority.js - certificates of a test's own, and who signs them.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export class Authority {
  #folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-authority-'));
  /** The file of its own certificate. */
  file = path.join(this.#folder, 'ca.pem');
  #key = path.join(this.#folder, 'ca.key');
  #count = 0;

  constructor() {
    process.on('exit', () => rmSync(this.#folder, { recursive: true, force: true }));
    chmodSync(this.#folder, 0o755); // the servers' user reads a client's key, too
    openssl('req', '-x509', ...KEY, '-keyout', this.#key, '-out', this.file, '-days', '2', '-subj', '/CN=an authority');
  }

  /** The files of a certificate.
   *  @param {string} [names]  whom it is for, as subjectAltName wants them
   *  @param {{days?: number}} [options]  days: 0: it has expired a second later */
  issue(names = 'DNS:localhost,IP:127.0.0.1', { days = 2 } = {}) {
    const [cert, key, request] = ['pem', 'key', 'csr'].map((ext) => path.join(this.#folder, `${this.#count}.${ext}`));
    this.#count++;
    openssl('req', ...KEY, '-keyout', key, '-out', request, '-subj', '/CN=redis', '-addext', `subjectAltName=${names}`);
    openssl('x509', '-req', '-in', request, '-out', cert, '-CA', this.file, '-CAkey', this.#key, '-CAcreateserial',
      '-days', String(days), '-copy_extensions', 'copy');
    chmodSync(key, 0o644);
    return { cert, key };
  }
}
