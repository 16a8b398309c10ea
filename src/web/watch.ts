import './jitless.ts';

import { wireControls } from './picture-controls.ts';
import { parseWatchLink } from './watch-link.ts';
import { WatchPage } from './watch-page.ts';

const link = parseWatchLink(location.href);
if (link === undefined) throw new Error('the watch page is served below /watch/');

const page = new WatchPage(link);
const stage = page.video.parentElement;
if (stage !== null) wireControls(page.video, stage);
page.video.muted = link.autoplay;

addEventListener('pagehide', () => page.leave());
addEventListener('online', () => page.online());
// Another link to the same program differs in its fragment only, for which browsers do not load the page anew.
addEventListener('hashchange', () => location.reload());
void page.open();
