// Made by `python clients/js/make_options.py` from the origin's table of options. Do not edit.
export const OPTIONS = [
  {"name": "w", "alias": "width", "expected": "a number of CSS pixels", "constants": ["number"], "ordered": true, "compound": false, "kind": "pixels"},
  {"name": "h", "alias": "height", "expected": "a number of CSS pixels", "constants": ["number"], "ordered": true, "compound": false, "kind": "pixels"},
  {"name": "fit", "alias": null, "expected": "cover, inside, contain, outside or fill", "constants": ["string"], "ordered": false, "compound": false, "kind": "choice", "names": {"cover": "cover", "inside": "inside", "contain": "contain", "outside": "outside", "fill": "fill"}},
  {"name": "c", "alias": "crop", "expected": "true or false", "constants": ["boolean"], "ordered": false, "compound": false, "kind": "flag"},
  {"name": "g", "alias": "gravity", "expected": "center, top, right, bottom, left, top-left, top-right, bottom-left, bottom-right, smart, entropy or x,y from 0 to 1", "constants": ["string"], "ordered": false, "compound": true, "kind": "position", "names": {"center": "0.5,0.5", "top": "0.5,0", "right": "1,0.5", "bottom": "0.5,1", "left": "0,0.5", "top-left": "0,0", "top-right": "1,0", "bottom-left": "0,1", "bottom-right": "1,1"}, "found": ["smart", "entropy"]},
  {"name": "ar", "alias": "aspect", "expected": "width to height, such as 16:9 or 1.5", "constants": ["number", "string"], "ordered": true, "compound": false, "kind": "aspect"},
  {"name": "rect", "alias": null, "expected": "x,y,w,h with w and h above 0", "constants": ["string"], "ordered": false, "compound": true, "kind": "rectangle"},
  {"name": "enlarge", "alias": null, "expected": "true or false", "constants": ["boolean"], "ordered": false, "compound": false, "kind": "flag"},
  {"name": "trim", "alias": null, "expected": "a whole number from 1 to 100", "constants": ["number"], "ordered": true, "compound": false, "kind": "number", "min": 1.0, "max": 100.0, "whole": true, "clamped": false},
  {"name": "rotate", "alias": null, "expected": "a number of degrees from -360 to 360", "constants": ["number"], "ordered": true, "compound": false, "kind": "degrees"},
  {"name": "flip", "alias": null, "expected": "h, v or hv", "constants": ["string"], "ordered": false, "compound": false, "kind": "choice", "names": {"h": "h", "v": "v", "hv": "hv"}},
  {"name": "brightness", "alias": null, "expected": "a number from 0 to 3", "constants": ["number"], "ordered": true, "compound": false, "kind": "number", "min": 0.0, "max": 3.0, "whole": false, "clamped": false},
  {"name": "contrast", "alias": null, "expected": "a number from 0 to 3", "constants": ["number"], "ordered": true, "compound": false, "kind": "number", "min": 0.0, "max": 3.0, "whole": false, "clamped": false},
  {"name": "saturation", "alias": null, "expected": "a number from 0 to 3", "constants": ["number"], "ordered": true, "compound": false, "kind": "number", "min": 0.0, "max": 3.0, "whole": false, "clamped": false},
  {"name": "gray", "alias": null, "expected": "true or false", "constants": ["boolean"], "ordered": false, "compound": false, "kind": "flag"},
  {"name": "blur", "alias": null, "expected": "a number from 0.3 to 100", "constants": ["number"], "ordered": true, "compound": false, "kind": "number", "min": 0.3, "max": 100.0, "whole": false, "clamped": false},
  {"name": "sharpen", "alias": null, "expected": "a number from 0.1 to 10", "constants": ["number"], "ordered": true, "compound": false, "kind": "number", "min": 0.1, "max": 10.0, "whole": false, "clamped": false},
  {"name": "pad", "alias": null, "expected": "1 to 4 numbers of CSS pixels with commas between them", "constants": ["string"], "ordered": false, "compound": true, "kind": "padding"},
  {"name": "bg", "alias": "background", "expected": "a colour such as fff, ffcc00, ffcc0080 or tomato", "constants": ["string"], "ordered": false, "compound": false, "kind": "colour"},
  {"name": "radius", "alias": null, "expected": "a number of CSS pixels, or max", "constants": ["number", "string"], "ordered": true, "compound": false, "kind": "numberOr", "min": 0.0, "max": 100000.0, "whole": false, "clamped": false, "word": "max"},
  {"name": "wm", "alias": "watermark", "expected": "a name of watermarks in the configuration", "constants": ["string"], "ordered": false, "compound": true, "kind": "names", "most": 1},
  {"name": "frame", "alias": null, "expected": "a whole number from 0 to 999999", "constants": ["number"], "ordered": true, "compound": false, "kind": "number", "min": 0.0, "max": 999999.0, "whole": true, "clamped": false},
  {"name": "anim", "alias": null, "expected": "true or false", "constants": ["boolean"], "ordered": false, "compound": false, "kind": "flag"},
  {"name": "f", "alias": "format", "expected": "jpg, jpeg, png, webp, gif, avif, auto, original, json, thumbhash or blurhash", "constants": ["string"], "ordered": false, "compound": false, "kind": "choice", "names": {"jpg": "jpg", "jpeg": "jpg", "png": "png", "webp": "webp", "gif": "gif", "avif": "avif", "auto": "auto", "original": "original", "json": "json", "thumbhash": "thumbhash", "blurhash": "blurhash"}},
  {"name": "q", "alias": "quality", "expected": "a whole number from 1 to 100, or auto", "constants": ["number", "string"], "ordered": true, "compound": false, "kind": "numberOr", "min": 1.0, "max": 100.0, "whole": true, "clamped": false, "word": "auto"},
  {"name": "lossless", "alias": null, "expected": "true or false", "constants": ["boolean"], "ordered": false, "compound": false, "kind": "flag"},
  {"name": "bytes", "alias": null, "expected": "a whole number of bytes, 1000 or more", "constants": ["number"], "ordered": true, "compound": false, "kind": "number", "min": 1000.0, "max": 999999999999999.0, "whole": true, "clamped": false},
  {"name": "p", "alias": "preset", "expected": "names, separated by commas, of presets in the configuration", "constants": ["string"], "ordered": false, "compound": true, "kind": "names", "most": 10},
  {"name": "dl", "alias": "download", "expected": "a file name of at most 200 printable characters", "constants": ["string"], "ordered": false, "compound": true, "kind": "fileName", "most": 200},
  {"name": "dpr", "alias": null, "expected": "a number", "constants": ["number"], "ordered": true, "compound": false, "kind": "number", "min": 0.5, "max": 5.0, "whole": false, "clamped": true},
];

// Formats that are written.
export const FORMATS = {
  "jpg": {
    "mime": "image/jpeg",
    "moves": false
  },
  "png": {
    "mime": "image/png",
    "moves": false
  },
  "webp": {
    "mime": "image/webp",
    "moves": true
  },
  "gif": {
    "mime": "image/gif",
    "moves": true
  },
  "avif": {
    "mime": "image/avif",
    "moves": false
  }
};

// Every name of a format that may be uploaded, and its first one.
export const FORMAT_NAMES = {"jpg": "jpg", "jpeg": "jpg", "jpe": "jpg", "png": "png", "webp": "webp", "gif": "gif", "avif": "avif", "bmp": "bmp", "ico": "ico", "tiff": "tiff", "tif": "tiff", "svg": "svg", "heic": "heic", "heif": "heic", "jxl": "jxl", "pdf": "pdf", "icns": "icns", "jp2": "jp2", "j2k": "jp2", "jpx": "jp2", "psd": "psd"};

// Of CSS.
export const COLOURS = {"aliceblue": "f0f8ff", "antiquewhite": "faebd7", "aqua": "00ffff", "aquamarine": "7fffd4", "azure": "f0ffff", "beige": "f5f5dc", "bisque": "ffe4c4", "black": "000000", "blanchedalmond": "ffebcd", "blue": "0000ff", "blueviolet": "8a2be2", "brown": "a52a2a", "burlywood": "deb887", "cadetblue": "5f9ea0", "chartreuse": "7fff00", "chocolate": "d2691e", "coral": "ff7f50", "cornflowerblue": "6495ed", "cornsilk": "fff8dc", "crimson": "dc143c", "cyan": "00ffff", "darkblue": "00008b", "darkcyan": "008b8b", "darkgoldenrod": "b8860b", "darkgray": "a9a9a9", "darkgreen": "006400", "darkgrey": "a9a9a9", "darkkhaki": "bdb76b", "darkmagenta": "8b008b", "darkolivegreen": "556b2f", "darkorange": "ff8c00", "darkorchid": "9932cc", "darkred": "8b0000", "darksalmon": "e9967a", "darkseagreen": "8fbc8f", "darkslateblue": "483d8b", "darkslategray": "2f4f4f", "darkslategrey": "2f4f4f", "darkturquoise": "00ced1", "darkviolet": "9400d3", "deeppink": "ff1493", "deepskyblue": "00bfff", "dimgray": "696969", "dimgrey": "696969", "dodgerblue": "1e90ff", "firebrick": "b22222", "floralwhite": "fffaf0", "forestgreen": "228b22", "fuchsia": "ff00ff", "gainsboro": "dcdcdc", "ghostwhite": "f8f8ff", "gold": "ffd700", "goldenrod": "daa520", "gray": "808080", "green": "008000", "greenyellow": "adff2f", "grey": "808080", "honeydew": "f0fff0", "hotpink": "ff69b4", "indianred": "cd5c5c", "indigo": "4b0082", "ivory": "fffff0", "khaki": "f0e68c", "lavender": "e6e6fa", "lavenderblush": "fff0f5", "lawngreen": "7cfc00", "lemonchiffon": "fffacd", "lightblue": "add8e6", "lightcoral": "f08080", "lightcyan": "e0ffff", "lightgoldenrodyellow": "fafad2", "lightgray": "d3d3d3", "lightgreen": "90ee90", "lightgrey": "d3d3d3", "lightpink": "ffb6c1", "lightsalmon": "ffa07a", "lightseagreen": "20b2aa", "lightskyblue": "87cefa", "lightslategray": "778899", "lightslategrey": "778899", "lightsteelblue": "b0c4de", "lightyellow": "ffffe0", "lime": "00ff00", "limegreen": "32cd32", "linen": "faf0e6", "magenta": "ff00ff", "maroon": "800000", "mediumaquamarine": "66cdaa", "mediumblue": "0000cd", "mediumorchid": "ba55d3", "mediumpurple": "9370db", "mediumseagreen": "3cb371", "mediumslateblue": "7b68ee", "mediumspringgreen": "00fa9a", "mediumturquoise": "48d1cc", "mediumvioletred": "c71585", "midnightblue": "191970", "mintcream": "f5fffa", "mistyrose": "ffe4e1", "moccasin": "ffe4b5", "navajowhite": "ffdead", "navy": "000080", "oldlace": "fdf5e6", "olive": "808000", "olivedrab": "6b8e23", "orange": "ffa500", "orangered": "ff4500", "orchid": "da70d6", "palegoldenrod": "eee8aa", "palegreen": "98fb98", "paleturquoise": "afeeee", "palevioletred": "db7093", "papayawhip": "ffefd5", "peachpuff": "ffdab9", "peru": "cd853f", "pink": "ffc0cb", "plum": "dda0dd", "powderblue": "b0e0e6", "purple": "800080", "rebeccapurple": "663399", "red": "ff0000", "rosybrown": "bc8f8f", "royalblue": "4169e1", "saddlebrown": "8b4513", "salmon": "fa8072", "sandybrown": "f4a460", "seagreen": "2e8b57", "seashell": "fff5ee", "sienna": "a0522d", "silver": "c0c0c0", "skyblue": "87ceeb", "slateblue": "6a5acd", "slategray": "708090", "slategrey": "708090", "snow": "fffafa", "springgreen": "00ff7f", "steelblue": "4682b4", "tan": "d2b48c", "teal": "008080", "thistle": "d8bfd8", "tomato": "ff6347", "turquoise": "40e0d0", "violet": "ee82ee", "wheat": "f5deb3", "white": "ffffff", "whitesmoke": "f5f5f5", "yellow": "ffff00", "yellowgreen": "9acd32", "transparent": "00000000"};
