// Prints an exact token, or a grant:
//
//	ORIGIN_KEY=... go run sign.go PREFIX KEY [NAME VALUE]...
//	ORIGIN_KEY=... go run sign.go GRANT-AS-JSON
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"sort"
	"strings"
)

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func sign(salt, text string) string {
	derived := mac([]byte(os.Getenv("ORIGIN_KEY")), salt)
	return base64.RawURLEncoding.EncodeToString(mac(derived, text))
}

// escape is not url.QueryEscape, which writes a space as +.
func escape(text string) string {
	var out strings.Builder
	for _, b := range []byte(text) {
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("-._~", b) >= 0 {
			out.WriteByte(b)
		} else {
			fmt.Fprintf(&out, "%%%02X", b)
		}
	}
	return out.String()
}

func token(prefix, key string, pairs [][2]string) string {
	sorted := make([][2]string, len(pairs))
	for i, pair := range pairs {
		sorted[i] = [2]string{escape(pair[0]), escape(pair[1])}
	}
	sort.Slice(sorted, func(i, j int) bool {
		a, b := sorted[i], sorted[j]
		return a[0] < b[0] || a[0] == b[0] && a[1] < b[1]
	})
	query := make([]string, len(sorted))
	for i, pair := range sorted {
		query[i] = pair[0] + "=" + pair[1]
	}
	return sign("origin/v1", prefix+"\n"+key+"\n"+strings.Join(query, "&"))
}

func grant(json string) string {
	payload := base64.RawURLEncoding.EncodeToString([]byte(json))
	return payload + "." + sign("origin/v1/grant", payload)
}

func main() {
	args := os.Args[1:]
	if os.Getenv("ORIGIN_KEY") == "" || len(args) == 0 || len(args) > 1 && len(args)%2 != 0 {
		fmt.Fprintln(os.Stderr, "ORIGIN_KEY, and a prefix, a key, and names with values, or the JSON of a grant")
		os.Exit(2)
	}
	if len(args) == 1 {
		fmt.Println(grant(args[0]))
		return
	}
	var pairs [][2]string
	for i := 2; i < len(args); i += 2 {
		pairs = append(pairs, [2]string{args[i], args[i+1]})
	}
	fmt.Println(token(args[0], args[1], pairs))
}
