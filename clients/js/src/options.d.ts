// Made by `python clients/js/make_options.py` from the origin's table of options. Do not edit.
/** The options of a picture, under either name; `null` and `undefined` leave one out. */
export interface Options {
  /** width of the box (a number of CSS pixels) */
  w?: number | null | undefined;
  /** width of the box (a number of CSS pixels) Same as `w`. */
  width?: number | null | undefined;
  /** height of the box (a number of CSS pixels) */
  h?: number | null | undefined;
  /** height of the box (a number of CSS pixels) Same as `h`. */
  height?: number | null | undefined;
  /** with both sides: fill and cut; fit within; and pad to the box; fill uncut; stretch (`cover` `inside` `contain` `outside` `fill`) */
  fit?: "cover" | "inside" | "contain" | "outside" | "fill" | null | undefined;
  /** with both sides: `true` is `fit=cover`, `false` is `fit=inside`; `fit` wins (`true` `t` `1`, `false` `f` `0`) */
  c?: boolean | null | undefined;
  /** with both sides: `true` is `fit=cover`, `false` is `fit=inside`; `fit` wins (`true` `t` `1`, `false` `f` `0`) Same as `c`. */
  crop?: boolean | null | undefined;
  /** what a cut keeps, and where `fit=contain` puts the picture (`center` `top` `right` `bottom` `left` `top-left` `top-right` `bottom-left` `bottom-right` `0.3,0.6` `smart` `entropy`) */
  g?: "center" | "top" | "right" | "bottom" | "left" | "top-left" | "top-right" | "bottom-left" | "bottom-right" | "smart" | "entropy" | readonly number[] | (string & {}) | null | undefined;
  /** what a cut keeps, and where `fit=contain` puts the picture (`center` `top` `right` `bottom` `left` `top-left` `top-right` `bottom-left` `bottom-right` `0.3,0.6` `smart` `entropy`) Same as `g`. */
  gravity?: "center" | "top" | "right" | "bottom" | "left" | "top-left" | "top-right" | "bottom-left" | "bottom-right" | "smart" | "entropy" | readonly number[] | (string & {}) | null | undefined;
  /** gives the side that is missing; with neither side, the original is cut to it (`16:9`, or a number such as `1.5`) */
  ar?: number | `${number}:${number}` | null | undefined;
  /** gives the side that is missing; with neither side, the original is cut to it (`16:9`, or a number such as `1.5`) Same as `ar`. */
  aspect?: number | `${number}:${number}` | null | undefined;
  /** the part of the upright original that counts (`10,20,300,200` in pixels, or shares of the sides: `0.1,0,0.5,1`) */
  rect?: number | string | readonly number[] | null | undefined;
  /** small originals grow to fill the box (`true` `t` `1`, `false` `f` `0`) */
  enlarge?: boolean | null | undefined;
  /** borders of one colour are cut, within that tolerance in levels of 255 (1 to 100) */
  trim?: number | null | undefined;
  /** clockwise; all but 90, 180 and 270 enlarge the canvas (-360 to 360 degrees) */
  rotate?: number | null | undefined;
  /** mirrors: left and right, top and bottom, or both; after `rotate` (`h` `v` `hv`) */
  flip?: "h" | "v" | "hv" | null | undefined;
  /** 0 is black, 1 as it is; as `brightness` of CSS (0 to 3) */
  brightness?: number | null | undefined;
  /** 0 is grey, 1 as it is; as `contrast` of CSS (0 to 3) */
  contrast?: number | null | undefined;
  /** 0 is without colour, 1 as it is; as `saturate` of CSS (0 to 3) */
  saturation?: number | null | undefined;
  /** without colour; as `grayscale` of CSS (`true` `t` `1`, `false` `f` `0`) */
  gray?: boolean | null | undefined;
  /** sigma of the blur, in pixels of the result (0.3 to 100) */
  blur?: number | null | undefined;
  /** strength; 1 suits most pictures (0.1 to 10) */
  sharpen?: number | null | undefined;
  /** around the result, as in CSS; multiplied by `dpr` (1 to 4 numbers of CSS pixels: `10` `10,20` `10,20,30` `10,20,30,40`) */
  pad?: number | string | readonly number[] | null | undefined;
  /** behind transparency, padding and rotation; without it they are transparent, white in JPEG (`fff` `ffcc00` `ffcc0080`, or a name of CSS such as `tomato`) */
  bg?: string | null | undefined;
  /** behind transparency, padding and rotation; without it they are transparent, white in JPEG (`fff` `ffcc00` `ffcc0080`, or a name of CSS such as `tomato`) Same as `bg`. */
  background?: string | null | undefined;
  /** round corners; `max` makes a square a circle (CSS pixels, `max`) */
  radius?: number | "max" | null | undefined;
  /** a picture of the configuration, laid over the result (the name of a watermark) */
  wm?: string | null | undefined;
  /** a picture of the configuration, laid over the result (the name of a watermark) Same as `wm`. */
  watermark?: string | null | undefined;
  /** one frame of an animation or page of a TIFF alone, counted from 0 (0 to 999999) */
  frame?: number | null | undefined;
  /** false: the first frame alone (`true` `t` `1`, `false` `f` `0`) */
  anim?: boolean | null | undefined;
  /** format of the result; the last three tell what the original is (`jpg` `jpeg` `png` `webp` `gif` `avif` `auto` `original` `json` `thumbhash` `blurhash`) */
  f?: "jpg" | "jpeg" | "png" | "webp" | "gif" | "avif" | "auto" | "original" | "json" | "thumbhash" | "blurhash" | null | undefined;
  /** format of the result; the last three tell what the original is (`jpg` `jpeg` `png` `webp` `gif` `avif` `auto` `original` `json` `thumbhash` `blurhash`) Same as `f`. */
  format?: "jpg" | "jpeg" | "png" | "webp" | "gif" | "avif" | "auto" | "original" | "json" | "thumbhash" | "blurhash" | null | undefined;
  /** quality of JPEG, WebP and AVIF, on one scale; `auto`: the least that looks good (1 to 100, `auto`) */
  q?: number | "auto" | null | undefined;
  /** quality of JPEG, WebP and AVIF, on one scale; `auto`: the least that looks good (1 to 100, `auto`) Same as `q`. */
  quality?: number | "auto" | null | undefined;
  /** WebP and AVIF that lose nothing (`true` `t` `1`, `false` `f` `0`) */
  lossless?: boolean | null | undefined;
  /** the best quality whose result is not larger (bytes, 1000 or more) */
  bytes?: number | null | undefined;
  /** options that the configuration keeps under a name; of several presets the later ones win (names of presets, with commas) */
  p?: string | readonly string[] | null | undefined;
  /** options that the configuration keeps under a name; of several presets the later ones win (names of presets, with commas) Same as `p`. */
  preset?: string | readonly string[] | null | undefined;
  /** browsers save the picture under this name (a file name) */
  dl?: string | null | undefined;
  /** browsers save the picture under this name (a file name) Same as `dl`. */
  download?: string | null | undefined;
  /** multiplies `w`, `h`, `pad` and `radius`, for dense screens (0.5 to 5, clamped) */
  dpr?: number | null | undefined;
}

/** A format that is written. */
export type OutputFormat = "jpg" | "png" | "webp" | "gif" | "avif";
