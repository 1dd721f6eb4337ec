"""imgproxy's words: its URLs (https://docs.imgproxy.net/usage/processing), and its signatures."""
