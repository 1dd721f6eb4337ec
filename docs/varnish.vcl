# Varnish in front of the image origin. Tested with 7.1 and the vmod xkey (Debian: varnish-modules).

vcl 4.1;

import std;
import xkey;

backend origin {
    .host = "127.0.0.1";
    .port = "8080";
    .connect_timeout = 2s;
    .first_byte_timeout = 35s;  # the origin answers earlier: 5 s + 10 s source, 5 s + 10 s render
    .probe = {
        .url = "/-/ready";
        .interval = 2s;
        .timeout = 1s;
        .window = 3;
        .threshold = 2;
    }
}

# Addresses that may purge. Where TLS ends in a program on this machine, everybody comes from 127.0.0.1, unless it
# speaks the PROXY protocol: then it has to refuse PURGE.
acl purgers {
    "127.0.0.1";
    "::1";
}

sub vcl_recv {
    if (req.method == "PURGE") {
        call purge_tags;
    }
    # Metrics and purge of the origin are not for the public.
    if (req.url ~ "^/(-|%2[dD])(/|%2[fF])") {
        return (synth(404));
    }

    # No answer of the origin depends on these, and with them Varnish would not cache.
    unset req.http.Cookie;
    if (req.method == "GET" || req.method == "HEAD") {
        unset req.http.Authorization; # uploads need it
    }

    # One object for every order of the options. A token covers the options, not their order.
    set req.url = std.querysort(req.url);

    # Three classes of browsers, so that `Vary: Accept` makes at most three objects. A format with
    # parameters, such as `image/avif;q=0.5`, does not count: no browser sends it, and a refusal (q=0)
    # looks the same.
    std.collect(req.http.Accept);
    if (req.http.Accept ~ "(?i)(^|[ \t,])image/avif[ \t]*(,|$)") {
        set req.http.Accept = "image/avif";
    } elsif (req.http.Accept ~ "(?i)(^|[ \t,])image/webp[ \t]*(,|$)") {
        set req.http.Accept = "image/webp";
    } else {
        set req.http.Accept = "image/*";
    }

    # While the origin is well, serve stale pictures for the longest `stale_while_revalidate` of your
    # handlers. While it is not, serve them for their whole grace, which is `stale_if_error`.
    if (std.healthy(req.backend_hint)) {
        set req.grace = 1d;
    }
}

# PURGE with `Surrogate-Key: TAG ...` removes the objects that carry one of the tags. With `Soft-Purge: 1`
# they become stale: each is served once more while it is fetched again, or for longer if that fails.
sub purge_tags {
    if (client.ip !~ purgers) {
        return (synth(405));
    }
    if (!req.http.Surrogate-Key) {
        return (synth(400, "Surrogate-Key is missing"));
    }
    if (req.http.Soft-Purge) {
        return (synth(200, "Purged " + xkey.softpurge(req.http.Surrogate-Key)));
    }
    return (synth(200, "Purged " + xkey.purge(req.http.Surrogate-Key)));
}

sub vcl_backend_response {
    # A failed refresh must not replace the picture. By default the origin answers 404 when it cannot reach
    # its source, so the class of the failure decides, not the status alone.
    if (bereq.is_bgfetch && (beresp.status >= 500
            || beresp.http.X-Origin-Error ~ "^(source-unavailable|render-failed|overloaded)$")) {
        return (abandon);
    }

    # Varnish uses `stale-while-revalidate` as grace, and 10 s where it is absent. After a token's end, and
    # for a missing picture, there must be no grace.
    if (beresp.http.Cache-Control !~ "stale-while-revalidate") {
        set beresp.grace = 0s;
    }
    if (beresp.http.Cache-Control ~ "stale-if-error=[0-9]+") {
        set beresp.grace = std.duration(
            regsub(beresp.http.Cache-Control, ".*stale-if-error=([0-9]+).*", "\1s"), beresp.grace);
    }
    # After its grace, keep a picture only to ask with If-None-Match.
    if (beresp.status == 200) {
        set beresp.keep = 7d;
    }

    # Pass `no-store` answers through, and remember that for 1 s, not for the two minutes of the built-in code.
    if (beresp.http.Cache-Control ~ "no-store") {
        set beresp.uncacheable = true;
        set beresp.ttl = 1s;
        return (deliver);
    }

    # The vmod looks for tags in this header.
    set beresp.http.xkey = beresp.http.Surrogate-Key;
}

sub vcl_deliver {
    unset resp.http.xkey;
    if (resp.http.Cache-Status) { # the origin's; there is none where Varnish could not reach it
        set resp.http.Cache-Status = resp.http.Cache-Status + ", ";
    }
    if (obj.hits > 0) {
        set resp.http.Cache-Status = resp.http.Cache-Status + "varnish; hit";
    } else {
        set resp.http.Cache-Status = resp.http.Cache-Status + "varnish; fwd=miss";
    }
}
