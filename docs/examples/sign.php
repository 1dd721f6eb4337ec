<?php
// Prints an exact token, or a grant:
//   ORIGIN_KEY=... php sign.php PREFIX KEY [NAME VALUE]...
//   ORIGIN_KEY=... php sign.php GRANT-AS-JSON
getenv('ORIGIN_KEY') or stop('ORIGIN_KEY is not set');
$argc === 2 or $argc > 2 && $argc % 2 or stop('a name without a value');
function stop(string $why): never {
    fwrite(STDERR, "$why\n");
    exit(2);
}
function sign(string $salt, string $text): string {
    $derived = hash_hmac('sha256', $salt, getenv('ORIGIN_KEY'), true);
    return base64url(hash_hmac('sha256', $text, $derived, true));
}
function base64url(string $bytes): string {
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}
/** $pairs is a list of [name, value], all of them strings. */
function token(string $prefix, string $key, array $pairs): string {
    $pairs = array_map(fn($pair) => array_map('rawurlencode', $pair), $pairs);
    usort($pairs, fn($a, $b) => strcmp($a[0], $b[0]) ?: strcmp($a[1], $b[1]));
    $query = implode('&', array_map(fn($pair) => "$pair[0]=$pair[1]", $pairs));
    return sign('origin/v1', "$prefix\n$key\n$query");
}
function grant(string $json): string {
    $payload = base64url($json);
    return $payload . '.' . sign('origin/v1/grant', $payload);
}
$pairs = array_chunk(array_slice($argv, 3), 2);
echo $argc > 2 ? token($argv[1], $argv[2], $pairs) : grant($argv[1]), "\n";
