import { mediaCheats } from './media.ts';

mediaCheats({ mediaThreads: 2, mediaPort: 0 });
