export interface AdapterSettings {
  /** Where the origin, or the CDN before it, answers. */
  baseUrl: string;
  /** The handler's prefix. */
  prefix?: string | undefined;
  /** A grant, where the handler wants tokens: frameworks cannot wait for a signature. */
  grant?: string | undefined;
}
