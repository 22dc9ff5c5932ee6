SELECT u.id, u.sha256, s.id FROM kept_file AS k
    JOIN upload AS u ON u.id = k.upload
    JOIN sample AS s ON s.sha256 = lower(hex(u.sha256)) AND s.id >= 0
ORDER BY u.id
