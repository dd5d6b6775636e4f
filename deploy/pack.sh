# Sourced by the scripts that make packages: the functions that they share, and a folder for the content, `$root`, which goes
# at the end. The same input gives the same bytes: owners, modes, order and times are fixed ($SOURCE_DATE_EPOCH, else 0).
#
# SPANLOOM_COMPRESSION=quick makes large packages quickly, for tests.
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022
chmod 755 "$root"
epoch=${SOURCE_DATE_EPOCH:-0}

needs() { # needs PROGRAM…: ends with 3 where one of them is missing
    local program
    for program; do
        command -v "$program" >/dev/null || { echo "no $program in the PATH" >&2; exit 3; }
    done
}

machine() { # machine BINARY: prints x86_64 or aarch64
    case $(readelf -h "$1" 2>/dev/null | sed -n 's/^ *Machine: *//p') in
        *X86-64*) echo x86_64 ;;
        AArch64) echo aarch64 ;;
        *) echo "$1: no program for Linux on x86-64 or aarch64" >&2; exit 1 ;;
    esac
}

glibc() { # glibc BINARY: prints the oldest version of glibc with which the binary starts; nothing if it is static
    readelf -W --version-info "$1" | grep -oE 'GLIBC_[0-9.]+' | sed 's/GLIBC_//' | sort -uV | tail -n 1
}

libraries() { # libraries BINARY: prints the libraries that the binary is linked with
    readelf -W -d "$1" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p'
}

architecture() { # architecture BINARY: prints what Debian and OCI call the machine
    case $(machine "$1") in
        x86_64) echo amd64 ;;
        aarch64) echo arm64 ;;
        *) exit 1 ;;
    esac
}

program() { # program BINARY PATH: copies the binary, without its debug information
    install -D -m 755 "$1" "$2"
    local strip
    strip=$(command -v "$(machine "$1")-linux-gnu-strip" || echo strip)
    "$strip" --strip-debug "$2"
}

tgz() { # tgz FOLDER OUT: makes an archive of a folder in `$root`
    local level=9
    [ "${SPANLOOM_COMPRESSION:-}" != quick ] || level=1
    tar --format=gnu --sort=name --numeric-owner --owner=0 --group=0 --mtime="@$epoch" --directory="$root" -cf - "$1" |
        gzip -n "-$level" >"$2"
}
