export interface ProviderContext {
  modifiers?: Record<string, any> | undefined;
  baseUrl?: string | undefined;
  /** As Nuxt's own providers call it. */
  baseURL?: string | undefined;
  prefix?: string | undefined;
  grant?: string | undefined;
}

export function getImage(src: string, context: ProviderContext): { url: string };

/** What `image.providers` of the configuration asks for. */
declare const provider: () => { getImage: typeof getImage };
export default provider;
