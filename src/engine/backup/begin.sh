# In: root, folder, stamp. Says the name that the backup has.
ls -d "$root/." >/dev/null || exit 1
cd "$root" && mkdir -p "$folder" && cd "$folder" || exit 1
# What was left behind by a link that was cut, and is written by nobody since.
find . -name '.*.part' -mmin +180 -exec rm -f {} \; 2>/dev/null
for a in *.tar.zst; do
  [ -e "$a" ] && [ ! -e "${a%.tar.zst}.json" ] && [ -n "$(find "$a" -mmin +180 2>/dev/null)" ] && rm -f "$a"
done
n=0
name=$stamp
while [ -e "$name.tar.zst" ] || [ -e "$name.json" ] || [ -e ".$name.part" ]; do
  n=$((n + 1))
  name=$stamp-$n
  [ $n -lt 100 ] || { echo 'too many backups began in this second'; exit 1; }
done
(set -C; : >".$name.part") || exit 1
# Whether it can be written to, and not only named: a full disk often takes the one and not the other.
echo wharf >".$name.part" || { rm -f ".$name.part"; exit 1; }
echo "$name"
