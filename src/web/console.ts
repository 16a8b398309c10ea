import './jitless.ts';

import { ConsolePage } from './console/console-page.ts';
import { OperatorApi } from './console/operator-api.ts';

/** In the fragment, which browsers do not send to servers and servers do not log: `…/console#token=TOKEN`. */
const token = new URLSearchParams(location.hash.slice(1)).get('token') || undefined;
/** What precedes `console` is the relay's address. */
const base = new URL('.', location.href).href;

const page = new ConsolePage(token === undefined ? undefined : new OperatorApi(base, token));
document.addEventListener('visibilitychange', () => page.wake());
addEventListener('online', () => page.wake());
// Another token differs in the fragment only, for which browsers do not load the page anew.
addEventListener('hashchange', () => location.reload());
page.open();
