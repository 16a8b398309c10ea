/** Its server, as far as it is compared with; src/ingest declares the parts that are used. */
declare module 'node-media-server' {
  export default class NodeMediaServer {
    constructor(config: {
      readonly bind: string;
      readonly rtmp: { readonly port: number };
      readonly http: { readonly port: number };
      readonly store: { readonly path: string };
      readonly static: object;
      readonly auth: object;
    });
    run(): void;
  }
}
