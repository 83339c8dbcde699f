# In: root, folder, name, text (the manifest), bytes. Says the manifests that are there then.
cd "$root/$folder" || exit 1
undo() { rm -f ".$name.part" ".$name.json.part" "$name.tar.zst"; }
trap undo EXIT
trap 'exit 1' HUP INT TERM
[ "$(wc -c <".$name.part")" -eq "$bytes" ] || { echo 'it is not as long as it was written'; exit 1; }
mv ".$name.part" "$name.tar.zst" || exit 1
printf '%s\n' "$text" >".$name.json.part" || exit 1
sync
mv ".$name.json.part" "$name.json" || exit 1
trap - EXIT
trap '' HUP INT TERM
sync
for m in *.json; do echo "$m"; done
