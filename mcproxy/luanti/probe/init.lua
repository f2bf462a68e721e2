-- Writes the pose of the client's own player to the log, once a frame: position, velocity, yaw, pitch, on the ground,
-- the number of the latest place, and how many blocks of its map the client still lacks. It writes to the log because
-- text that a client mod prints would show in the picture.
local BLOCK = 16
local frame, number, wanted = 0, 0, {}
minetest.register_on_modchannel_message(function(_, sender, message)
	if sender ~= "" then return end -- only the server's own
	local values = {}
	for value in message:gmatch("%S+") do values[#values + 1] = tonumber(value) end
	number, wanted = values[1], {}
	for x = values[2], values[5] + BLOCK - 1, BLOCK do
		for y = values[3], values[6] + BLOCK - 1, BLOCK do
			for z = values[4], values[7] + BLOCK - 1, BLOCK do
				wanted[#wanted + 1] = {
					x = math.min(x, values[5]), y = math.min(y, values[6]), z = math.min(z, values[7]),
				}
			end
		end
	end
end)
minetest.register_globalstep(function(seconds)
	local player, camera = minetest.localplayer, minetest.camera
	if not player or not camera then return end
	local position, velocity = player:get_pos(), player:get_velocity()
	frame = frame + 1
	if frame == 1 then minetest.mod_channel_join("mcproxy") end -- there is no server to join it at before
	for k = #wanted, 1, -1 do
		if minetest.get_node_or_nil(wanted[k]) then table.remove(wanted, k) end
	end
	minetest.log("action", string.format("MCPROXY %d %.9g %.9g %.9g %.9g %.9g %.9g %.9g %.9g %.9g %d %d %d", frame,
		seconds, position.x, position.y, position.z, velocity.x, velocity.y, velocity.z,
		camera:get_look_horizontal(), camera:get_look_vertical(), player:is_touching_ground() and 1 or 0,
		number, #wanted))
end)
