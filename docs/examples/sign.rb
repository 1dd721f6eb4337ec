# Prints an exact token, or a grant:
#   ORIGIN_KEY=... ruby sign.rb PREFIX KEY [NAME VALUE]...
#   ORIGIN_KEY=... ruby sign.rb GRANT-AS-JSON
require "erb"
require "openssl"

def base64url(bytes) = [bytes].pack("m0").tr("+/", "-_").delete("=")

def sign(salt, text)
  derived = OpenSSL::HMAC.digest("SHA256", ENV.fetch("ORIGIN_KEY"), salt)
  base64url(OpenSSL::HMAC.digest("SHA256", derived, text))
end

# `pairs` is a list of [name, value], all of them strings.
def token(prefix, key, pairs)
  escaped = pairs.map { |pair| pair.map { |text| ERB::Util.url_encode(text) } }
  sign("origin/v1", [prefix, key, escaped.sort.map { |pair| pair.join("=") }.join("&")].join("\n"))
end

def grant(json)
  payload = base64url(json)
  "#{payload}.#{sign("origin/v1/grant", payload)}"
end

prefix, key, *rest = ARGV
abort "a name without a value" if rest.size.odd?
puts key ? token(prefix, key, rest.each_slice(2).to_a) : grant(prefix)
