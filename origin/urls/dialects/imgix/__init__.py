"""imgix's words: its Rendering API (https://docs.imgix.com/apis/rendering), and its signatures."""
