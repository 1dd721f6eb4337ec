export interface ProviderContext {
  modifiers?: Record<string, any>;
  baseUrl?: string;
  /** As Nuxt's own providers call it. */
  baseURL?: string;
  prefix?: string;
  grant?: string;
}

export function getImage(src: string, context: ProviderContext): { url: string };

/** What `image.providers` of the configuration asks for. */
declare const provider: () => { getImage: typeof getImage };
export default provider;
