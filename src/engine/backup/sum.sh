sum() {
if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1";
elif command -v shasum >/dev/null 2>&1; then shasum -a 256 <"$1";
elif command -v sha256 >/dev/null 2>&1; then sha256 -q <"$1";
elif command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 <"$1";
fi; };
