"""Windows: the computer itself, its services, disks and users."""

from sessions.scripts.library.entry import Entry, host, number, user

WINDOWS: tuple[Entry, ...] = (
    Entry(
        "windows-restart-print-spooler",
        "Restart the print spooler and clear its queue",
        "powershell",
        "printing",
        "printer print spooler queue stuck jobs paper offline",
        "changes",
        "Stops the spooler, deletes the jobs that wait in its folder, starts it again. Waiting jobs are lost.",
        r"""
$computer = {{ computer }}
Invoke-Command -ComputerName $computer -ScriptBlock {
    Stop-Service -Name Spooler -Force
    Get-ChildItem -Path "$env:SystemRoot\System32\spool\PRINTERS" -File | Remove-Item -Force
    Start-Service -Name Spooler
    Get-Service -Name Spooler | Select-Object -Property Name, Status
}
""",
        [host()],
    ),
    Entry(
        "windows-printers-and-jobs",
        "List printers, their ports and waiting jobs",
        "powershell",
        "printing",
        "printer print port driver job queue offline",
        "read_only",
        "Shows the printers of a computer with driver, port and state, and the jobs that wait.",
        r"""
$computer = {{ computer }}
Get-Printer -ComputerName $computer | Sort-Object -Property Name |
    Format-Table -Property Name, DriverName, PortName, PrinterStatus, JobCount -AutoSize
Get-Printer -ComputerName $computer | Where-Object { $_.JobCount -gt 0 } | ForEach-Object {
    Get-PrintJob -ComputerName $computer -PrinterName $_.Name |
        Format-Table -Property PrinterName, Id, UserName, DocumentName, JobStatus, SubmittedTime -AutoSize
}
""",
        [host()],
    ),
    Entry(
        "windows-disk-space",
        "Show free disk space and the largest folders",
        "powershell",
        "endpoint",
        "disk space full slow storage drive large folder",
        "read_only",
        "Shows size and free space of the local drives, and the largest folders directly below a path.",
        r"""
$path = {{ path }}
Get-CimInstance -ClassName Win32_LogicalDisk -Filter 'DriveType=3' |
    Select-Object -Property DeviceID, VolumeName,
        @{ Name = 'SizeGB'; Expression = { [math]::Round($_.Size / 1GB, 1) } },
        @{ Name = 'FreeGB'; Expression = { [math]::Round($_.FreeSpace / 1GB, 1) } } | Format-Table -AutoSize
Get-ChildItem -LiteralPath $path -Directory -Force -ErrorAction SilentlyContinue | ForEach-Object {
    $sum = (Get-ChildItem -LiteralPath $_.FullName -Recurse -File -Force -ErrorAction SilentlyContinue |
        Measure-Object -Property Length -Sum).Sum
    [pscustomobject]@{ Folder = $_.FullName; GB = [math]::Round($sum / 1GB, 2) }
} | Sort-Object -Property GB -Descending | Select-Object -First {{ count }}
""",
        [
            {"name": "path", "label": "Folder", "kind": "path", "default": "C:\\Users"},
            number("count", "Folders to show", 15, 1, 100),
        ],
    ),
    Entry(
        "windows-clean-temporary-files",
        "Delete old temporary files",
        "powershell",
        "endpoint",
        "disk space full slow temp temporary clean",
        "destructive",
        "Deletes files in the temporary folders of Windows and of all users that nobody has changed for some days.",
        r"""
$before = (Get-Date).AddDays(-1 * {{ days }})
$folders = @("$env:SystemRoot\Temp") + @(Get-ChildItem -Path 'C:\Users' -Directory |
    ForEach-Object { Join-Path -Path $_.FullName -ChildPath 'AppData\Local\Temp' })
foreach ($folder in $folders) {
    if (Test-Path -LiteralPath $folder) {
        Get-ChildItem -LiteralPath $folder -Recurse -File -Force -ErrorAction SilentlyContinue |
            Where-Object { $_.LastWriteTime -lt $before } |
            Remove-Item -Force -ErrorAction SilentlyContinue
    }
}
Get-PSDrive -Name C | Select-Object -Property Name, Used, Free
""",
        [number("days", "Older than days", 14, 1, 365)],
    ),
    Entry(
        "windows-uptime-and-load",
        "Show uptime, memory and the busiest processes",
        "powershell",
        "endpoint",
        "slow performance cpu memory ram process hang uptime freeze",
        "read_only",
        "Shows since when a computer runs, its free memory, and the processes that use most processor and memory.",
        r"""
$computer = {{ computer }}
Invoke-Command -ComputerName $computer -ScriptBlock {
    Get-CimInstance -ClassName Win32_OperatingSystem |
        Select-Object -Property CSName, LastBootUpTime,
            @{ Name = 'FreeMB'; Expression = { [math]::Round($_.FreePhysicalMemory / 1KB) } }
    Get-Process | Sort-Object -Property CPU -Descending |
        Select-Object -First 10 -Property Name, Id, CPU, @{ Name = 'MB'; Expression = { [math]::Round($_.WS / 1MB) } }
}
""",
        [host()],
    ),
    Entry(
        "windows-recent-errors",
        "List errors of the event log",
        "powershell",
        "endpoint",
        "event log error crash blue screen bsod restart application hang",
        "read_only",
        "Lists critical events and errors of one log of the last hours, the newest first.",
        r"""
$filter = @{ LogName = {{ log }}; Level = 1, 2; StartTime = (Get-Date).AddHours(-1 * {{ hours }}) }
Get-WinEvent -ComputerName {{ computer }} -FilterHashtable $filter -MaxEvents 100 -ErrorAction SilentlyContinue |
    Format-Table -Property TimeCreated, Id, ProviderName, Message -Wrap
""",
        [
            host(),
            {"name": "log", "label": "Log", "kind": "choice", "options": ["System", "Application", "Security"]},
            number("hours", "Of the last hours", 24, 1, 720),
        ],
    ),
    Entry(
        "windows-restart-service",
        "Restart a service",
        "powershell",
        "endpoint",
        "service stopped hang restart start application",
        "changes",
        "Restarts one service of a computer and shows its state. Whoever uses the service is interrupted.",
        r"""
$name = {{ service }}
Invoke-Command -ComputerName {{ computer }} -ScriptBlock {
    Restart-Service -Name $using:name -Force
    Get-Service -Name $using:name | Select-Object -Property Name, Status, StartType
}
""",
        [host(), {"name": "service", "label": "Service name", "kind": "string", "maximum": 80}],
    ),
    Entry(
        "windows-pending-restart",
        "Is a restart pending, and which updates came last",
        "powershell",
        "endpoint",
        "update windows restart reboot pending patch slow",
        "read_only",
        "Tells whether Windows waits for a restart, and lists the updates that were installed last.",
        r"""
Invoke-Command -ComputerName {{ computer }} -ScriptBlock {
    $keys = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired',
        'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending'
    [pscustomobject]@{ RestartPending = [bool]($keys | Where-Object { Test-Path -Path $_ }) }
    Get-HotFix | Sort-Object -Property InstalledOn -Descending -ErrorAction SilentlyContinue |
        Select-Object -First 10 -Property HotFixID, Description, InstalledOn
}
""",
        [host()],
    ),
    Entry(
        "windows-repair-system-files",
        "Check and repair the system files",
        "cmd",
        "endpoint",
        "windows corrupt repair sfc dism crash blue screen system file",
        "changes",
        "Repairs the component store and then the system files of this computer. It takes up to half an hour.",
        r"""
@echo off
DISM.exe /Online /Cleanup-Image /RestoreHealth
sfc.exe /scannow
""",
    ),
    Entry(
        "windows-bitlocker-state",
        "Show the BitLocker state and the key's identifiers",
        "powershell",
        "endpoint",
        "bitlocker recovery key encryption locked drive",
        "read_only",
        "Shows how the drives are encrypted and by which protectors they open. It shows no recovery key.",
        r"""
Invoke-Command -ComputerName {{ computer }} -ScriptBlock {
    Get-BitLockerVolume | Select-Object -Property MountPoint, VolumeStatus, ProtectionStatus, EncryptionPercentage,
        @{ Name = 'Protectors'; Expression = { $_.KeyProtector.KeyProtectorType -join ', ' } },
        @{ Name = 'KeyIds'; Expression = { $_.KeyProtector.KeyProtectorId -join ', ' } }
}
""",
        [host()],
    ),
    Entry(
        "ad-unlock-account",
        "Unlock an account in Active Directory",
        "powershell",
        "identity",
        "password locked lockout unlock account login sign log",
        "changes",
        "Unlocks an account and shows when it was locked and when its password was set.",
        r"""
$user = {{ user }}
Get-ADUser -Identity $user -Properties LockedOut, AccountLockoutTime, BadLogonCount, PasswordLastSet, Enabled |
    Select-Object -Property SamAccountName, Enabled, LockedOut, AccountLockoutTime, BadLogonCount, PasswordLastSet
Unlock-ADAccount -Identity $user
Get-ADUser -Identity $user -Properties LockedOut | Select-Object -Property SamAccountName, LockedOut
""",
        [user(label="User (log-in name)")],
    ),
    Entry(
        "ad-find-lockout-source",
        "Find the computer that locks an account",
        "powershell",
        "identity",
        "password locked lockout account again source wrong old saved event 4740",
        "read_only",
        "Reads event 4740 of the domain controller that is PDC emulator: which computer sent wrong passwords.",
        r"""
$user = {{ user }}
$controller = (Get-ADDomain).PDCEmulator
$filter = @{ LogName = 'Security'; Id = 4740; StartTime = (Get-Date).AddHours(-1 * {{ hours }}) }
Get-WinEvent -ComputerName $controller -FilterHashtable $filter -ErrorAction SilentlyContinue |
    Where-Object { $_.Properties[0].Value -eq $user } |
    Select-Object -Property TimeCreated, @{ Name = 'Computer'; Expression = { $_.Properties[1].Value } }
""",
        [user(label="User (log-in name)"), number("hours", "Of the last hours", 24, 1, 336)],
    ),
    Entry(
        "ad-reset-password",
        "Set a new password in Active Directory",
        "powershell",
        "identity",
        "password reset forgotten expired change account login sign",
        "changes",
        "Sets a password that must be changed at the next log-in, and unlocks the account.",
        r"""
$user = {{ user }}
$secret = ConvertTo-SecureString -String {{ password }} -AsPlainText -Force
Set-ADAccountPassword -Identity $user -NewPassword $secret -Reset
Set-ADUser -Identity $user -ChangePasswordAtLogon $true
Unlock-ADAccount -Identity $user
Get-ADUser -Identity $user -Properties PasswordLastSet, LockedOut |
    Select-Object -Property SamAccountName, PasswordLastSet, LockedOut
""",
        [
            user(label="User (log-in name)"),
            {"name": "password", "label": "New password", "kind": "secret", "minimum": 8},
        ],
        "team_admin",
    ),
    Entry(
        "windows-delete-user-profile",
        "Delete a user's local profile",
        "powershell",
        "endpoint",
        "profile temporary corrupt user login slow desktop",
        "destructive",
        "Deletes a local profile with all its files: desktop, documents and settings that stand nowhere else are gone.",
        r"""
$user = {{ user }}
Invoke-Command -ComputerName {{ computer }} -ScriptBlock {
    $found = Get-CimInstance -ClassName Win32_UserProfile |
        Where-Object { -not $_.Special -and -not $_.Loaded -and (Split-Path -Path $_.LocalPath -Leaf) -eq $using:user }
    if (-not $found) { throw 'There is no such profile, or its user is logged in.' }
    $found | Remove-CimInstance
    'The profile was deleted.'
}
""",
        [host(), user(label="User (name of the profile's folder)")],
        "team_admin",
    ),
)
