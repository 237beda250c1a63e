// npm start: installs and builds what is missing, then is the broker.
//
// In this process and not in a child: then there is nothing to forward a signal to, or to leave behind when it can't
// be. The terminal and npm may each deliver the same Ctrl-C; the broker takes the second for the first.
import { ensureBuilt } from './built.mjs';
import { ensureInstalled } from './installed.mjs';

ensureInstalled();
ensureBuilt();
process.setSourceMapsEnabled(true);
await import('../dist/src/main.js');
