"""Windows: network, remote access and files."""

from sessions.scripts.library.entry import Entry, host, number, user

WINDOWS_NETWORK: tuple[Entry, ...] = (
    Entry(
        "windows-network-check",
        "Check name, route and port of a server",
        "powershell",
        "networking",
        "network connection vpn reach server dns port timeout internet wifi",
        "read_only",
        "Resolves a server's name, tests one port, and traces the way to it.",
        r"""
$server = {{ server }}
Resolve-DnsName -Name $server -ErrorAction Continue
Test-NetConnection -ComputerName $server -Port {{ port }} -InformationLevel Detailed
Test-NetConnection -ComputerName $server -TraceRoute | Select-Object -ExpandProperty TraceRoute
""",
        [host("server", "Server"), number("port", "Port", 443, 1, 65535)],
    ),
    Entry(
        "windows-network-reset",
        "Renew the address and empty the name cache",
        "cmd",
        "networking",
        "network dns cache ip address dhcp renew flush internet wifi vpn connection",
        "changes",
        "Empties the name cache, renews the address from DHCP and registers the name. The connection drops shortly.",
        r"""
@echo off
ipconfig /flushdns
ipconfig /release
ipconfig /renew
ipconfig /registerdns
ipconfig /all
""",
    ),
    Entry(
        "windows-vpn-connections",
        "Show the VPN connections and their last errors",
        "powershell",
        "networking",
        "vpn tunnel connect remote error rasclient dial",
        "read_only",
        "Lists the VPN connections of this computer and what RasClient wrote into the log of late.",
        r"""
Get-VpnConnection -AllUserConnection -ErrorAction SilentlyContinue |
    Format-List -Property Name, ServerAddress, TunnelType, ConnectionStatus, SplitTunneling
Get-VpnConnection -ErrorAction SilentlyContinue |
    Format-List -Property Name, ServerAddress, TunnelType, ConnectionStatus, SplitTunneling
$filter = @{ LogName = 'Application'; ProviderName = 'RasClient'; StartTime = (Get-Date).AddHours(-1 * {{ hours }}) }
Get-WinEvent -FilterHashtable $filter -MaxEvents 30 -ErrorAction SilentlyContinue |
    Format-Table -Property TimeCreated, Id, Message -Wrap
""",
        [number("hours", "Of the last hours", 24, 1, 336)],
    ),
    Entry(
        "windows-wifi-report",
        "Show Wi-Fi signal, profiles and the report of late",
        "cmd",
        "networking",
        "wifi wireless wlan signal drop slow network disconnect",
        "read_only",
        "Shows the wireless interface with its signal and the known networks, and writes Windows' wireless report.",
        r"""
@echo off
netsh wlan show interfaces
netsh wlan show profiles
netsh wlan show wlanreport
""",
    ),
    Entry(
        "windows-map-drive",
        "Map a network drive anew",
        "cmd",
        "file_services",
        "drive network share map mapped folder access letter missing file",
        "changes",
        "Removes the drive letter's mapping, where there is one, and maps it to a share for the user who is logged in.",
        r"""
@echo off
net use {{ drive }} /delete /y
net use {{ drive }} {{ share }} /persistent:yes
net use
""",
        [
            {
                "name": "drive",
                "label": "Drive",
                "kind": "choice",
                "options": ["H:", "M:", "P:", "R:", "S:", "T:", "X:", "Y:", "Z:"],
            },
            {"name": "share", "label": "Share", "kind": "path", "help": "Such as \\\\server\\share"},
        ],
    ),
    Entry(
        "windows-folder-permissions",
        "Show who may do what in a folder",
        "powershell",
        "file_services",
        "folder access denied permission share file right",
        "read_only",
        "Shows owner and permissions of a folder, inherited ones too, and the groups of a user.",
        r"""
$path = {{ path }}
Get-Acl -LiteralPath $path | Select-Object -Property Path, Owner
(Get-Acl -LiteralPath $path).Access |
    Format-Table -Property IdentityReference, FileSystemRights, AccessControlType, IsInherited -AutoSize
Get-ADPrincipalGroupMembership -Identity {{ user }} | Sort-Object -Property Name | Select-Object -Property Name
""",
        [{"name": "path", "label": "Folder", "kind": "path"}, user(label="User (log-in name)")],
    ),
    Entry(
        "rds-list-and-log-off-session",
        "Log a user off a terminal server",
        "powershell",
        "remote_access",
        "rdp remote desktop terminal server session hang frozen black screen disconnected",
        "destructive",
        "Ends a user's session on a terminal server. What the user has not saved is lost.",
        r"""
$server = {{ server }}
$user = {{ user }}
$sessions = Get-RDUserSession -ConnectionBroker {{ broker }} |
    Where-Object { $_.HostServer -like "$server*" -and $_.UserName -eq $user }
if (-not $sessions) { throw 'This user has no session on this server.' }
$sessions | Format-Table -Property HostServer, UserName, SessionState, IdleTime -AutoSize
foreach ($session in $sessions) {
    Invoke-RDUserLogoff -HostServer $session.HostServer -UnifiedSessionID $session.UnifiedSessionId -Force
}
""",
        [
            host("broker", "Connection broker"),
            host("server", "Terminal server"),
            user(label="User (without domain)"),
        ],
    ),
    Entry(
        "windows-rdp-check",
        "Check remote desktop of a computer",
        "powershell",
        "remote_access",
        "rdp remote desktop connect port 3389 refused terminal firewall",
        "read_only",
        "Tests the port of remote desktop, and shows whether it is switched on and which service runs.",
        r"""
$computer = {{ computer }}
Test-NetConnection -ComputerName $computer -CommonTCPPort RDP
Invoke-Command -ComputerName $computer -ScriptBlock {
    Get-ItemProperty -Path 'HKLM:\SYSTEM\CurrentControlSet\Control\Terminal Server' |
        Select-Object -Property fDenyTSConnections
    Get-Service -Name TermService | Select-Object -Property Name, Status
    Get-NetFirewallRule -DisplayGroup 'Remote Desktop' | Select-Object -Property DisplayName, Enabled, Profile
}
""",
        [host()],
    ),
)
