"""Linux: servers with systemd."""

from sessions.scripts.library.entry import Entry, host, number, user

SERVICE = {"name": "service", "label": "Service", "kind": "string", "maximum": 100, "help": "Such as nginx"}

LINUX: tuple[Entry, ...] = (
    Entry(
        "linux-health",
        "Show load, memory, disks and failed services",
        "bash",
        "endpoint",
        "linux server slow load memory disk full service failed uptime",
        "read_only",
        "Shows uptime and load, memory, disks, the busiest processes and the services that failed.",
        r"""
set -u
uptime
free -h
df -h -x tmpfs -x devtmpfs
ps -eo pid,user,pcpu,pmem,comm --sort=-pcpu | head -n 11
systemctl --failed --no-pager
""",
    ),
    Entry(
        "linux-largest-folders",
        "Find what fills a disk",
        "bash",
        "endpoint",
        "linux disk full space large folder file log",
        "read_only",
        "Lists the largest folders and the largest files below a path, on its own file system only.",
        r"""
set -u
folder={{ folder }}
du --one-file-system --human-readable --max-depth=2 -- "$folder" 2> /dev/null |
    sort --human-numeric-sort | tail -n {{ count }}
find "$folder" -xdev -type f -size +100M -printf '%s %p\n' 2> /dev/null | sort -n | tail -n {{ count }}
""",
        [
            {"name": "folder", "label": "Folder", "kind": "path", "default": "/var"},
            number("count", "How many", 20, 1, 200),
        ],
    ),
    Entry(
        "linux-service-log",
        "Show a service and its last log lines",
        "bash",
        "endpoint",
        "linux service log journal error failed stopped web server",
        "read_only",
        "Shows a service's state and the last lines of its journal.",
        r"""
set -u
service={{ service }}
systemctl status --no-pager -- "$service"
journalctl --unit="$service" --no-pager --lines={{ lines }}
""",
        [SERVICE, number("lines", "Lines", 100, 10, 2000)],
    ),
    Entry(
        "linux-restart-service",
        "Restart a service",
        "bash",
        "endpoint",
        "linux service restart stopped failed hang web server",
        "changes",
        "Restarts a service and shows whether it runs. Whoever uses it is interrupted.",
        r"""
set -u
service={{ service }}
sudo systemctl restart -- "$service"
sleep 2
systemctl is-active -- "$service"
systemctl status --no-pager --lines=20 -- "$service"
""",
        [SERVICE],
    ),
    Entry(
        "linux-certificate",
        "Show a server's certificate and when it ends",
        "bash",
        "networking",
        "certificate ssl tls expired https web secure warning",
        "read_only",
        "Fetches the certificate of a server and shows whom it is for, who issued it and how long it is valid.",
        r"""
set -u
server={{ server }}
port={{ port }}
echo | openssl s_client -servername "$server" -connect "$server:$port" 2> /dev/null |
    openssl x509 -noout -subject -issuer -dates -ext subjectAltName
""",
        [host("server", "Server"), number("port", "Port", 443, 1, 65535)],
    ),
    Entry(
        "linux-name-and-route",
        "Check name, route and port of a server",
        "bash",
        "networking",
        "linux network dns name route port reach connection timeout",
        "read_only",
        "Resolves a server's name, traces the way to it and tries one port.",
        r"""
set -u
server={{ server }}
getent ahosts "$server"
tracepath -n "$server"
timeout 5 nc -vz "$server" {{ port }}
""",
        [host("server", "Server"), number("port", "Port", 443, 1, 65535)],
    ),
    Entry(
        "linux-failed-log-ins",
        "List failed log-ins",
        "bash",
        "security",
        "linux ssh login failed brute force attack suspicious password",
        "read_only",
        "Counts failed SSH log-ins by address over the last hours, and lists who is logged in now.",
        r"""
set -u
hours={{ hours }}
sudo journalctl --unit=ssh --unit=sshd --since="$hours hours ago" --no-pager |
    grep -E 'Failed password|Invalid user' | grep -oE 'from [0-9a-f.:]+' | sort | uniq -c | sort -rn | head -n 20
who
""",
        [number("hours", "Of the last hours", 24, 1, 720)],
    ),
    Entry(
        "linux-lock-user",
        "Lock a user and end the sessions",
        "bash",
        "security",
        "linux user account lock disable compromised leave ssh",
        "destructive",
        "Locks the password, expires the account and kills everything that the user runs. Unsaved work is lost.",
        r"""
set -u
name={{ name }}
id -- "$name" || exit 1
sudo usermod --lock --expiredate 1 -- "$name"
sudo pkill -KILL --uid "$name"
sudo passwd --status -- "$name"
""",
        [user("name", "User")],
        "team_admin",
    ),
    Entry(
        "linux-vacuum-journal",
        "Make the system's journal smaller",
        "bash",
        "endpoint",
        "linux disk full space log journal clean",
        "destructive",
        "Deletes the oldest parts of the journal down to a size. Older log lines are gone.",
        r"""
set -u
megabytes={{ megabytes }}
journalctl --disk-usage
sudo journalctl --rotate
sudo journalctl --vacuum-size="${megabytes}M"
journalctl --disk-usage
""",
        [number("megabytes", "Keep (MB)", 500, 50, 20000)],
    ),
)
