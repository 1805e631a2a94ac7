# The event is on standard input; what is written there is the answer, and standard error is the log.
who=$(sed -n 's/.*"queryStringParameters":{[^}]*"name":"\([^"]*\)".*/\1/p')
echo "greeting ${who:-nobody}" >&2
echo "{\"hello\":\"${who:-you}\"}"
