# Read by every scripted command: where the phone's state lies, how it is read and changed, and what the vendor refuses.
STATE=/data/misc/phone
NAME=${0##*/}
LINE="$NAME $*"

while IFS= read -r beginning; do
  if [[ -n $beginning && $LINE == "$beginning"* ]]; then
    print -ru2 -- "
Exception occurred while executing '$1':
java.lang.SecurityException: Permission denial: uid=2000 may not do this on this phone"
    exit 255
  fi
done <$STATE/refuse

log() { print -r -- "$LINE" >>$STATE/commands.log; }

# In place: tests keep the file open or mounted.
change() { cat >$STATE/.new.$$ && cat $STATE/.new.$$ >$STATE/"$1"; rm -f $STATE/.new.$$; }

# look FILE KEY: the value of a `key=value` line; status 1 without one.
look() {
  while IFS= read -r line; do
    if [[ $line == "$2="* ]]; then print -r -- "${line#*=}"; return 0; fi
  done <$STATE/"$1"
  return 1
}

# drop FILE KEY: every line but that one.
drop() {
  while IFS= read -r line; do
    [[ $line == "$2="* ]] || print -r -- "$line"
  done <$STATE/"$1"
}

store() { { drop "$1" "$2"; print -r -- "$2=$3"; } | change "$1"; }

battery() { sed -n "s/^  $1: //p" $STATE/battery; }
powered() { [[ $(battery 'AC powered') == true || $(battery 'USB powered') == true ]]; }

unknown() { print -r -- "Unknown command: $1"; exit 255; }
missing() {
  print -ru2 -- "
Exception occurred while executing '$1':
java.lang.IllegalArgumentException: Argument expected after \"$1\""
  exit 255
}

user() { [[ $1 == --user ]]; }       # `--user X` stands before the other words
